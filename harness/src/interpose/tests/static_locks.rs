//! Locks in static memory, which runs share with whoever else there is in the process.

use std::{
    future::pending,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use squall_reports::record::EndCause;

use super::{OfC, Run, alone, ms};

/// A lock in static memory, held while something is done.
type Held = fn(&mut dyn FnMut());

/// Defines a lock of Rust and one of C for a test, which no other test keeps waiting.
macro_rules! locks {
    ($rust:ident $c:ident) => {
        fn $rust(act: &mut dyn FnMut()) {
            static LOCK: Mutex<()> = Mutex::new(());
            let _held = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
            act();
        }

        fn $c(act: &mut dyn FnMut()) {
            static LOCK: OfC = OfC::new();
            LOCK.lock();
            act();
            LOCK.unlock();
        }
    };
}

locks! { rust_held_outside c_held_outside }
locks! { rust_held_inside c_held_inside }

/// Says that it is over when it is dropped, also if an assertion has failed by then.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Threads that take a lock in turns, and say when they have.
fn run(held: Held) -> Run {
    alone(move || async move {
        for number in 0..3_u64 {
            thread::spawn(move || {
                for turn in 0..30 {
                    thread::sleep(ms(1 + number));
                    held(&mut || tracing::info!("{number} has turn {turn}"));
                }
            });
        }
        // On the thread of the runtime as well.
        for _ in 0..30 {
            tokio::time::sleep(ms(2)).await;
            held(&mut || tracing::info!("the runtime has it"));
        }
        pending().await
    })
}

#[test]
fn threads_outside_that_hold_a_static_lock_change_nothing_of_a_run() {
    for held in [rust_held_outside as Held, c_held_outside] {
        let before = run(held);
        assert_eq!(before.record.end.cause, EndCause::Completed);
        let (over, turns) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            let _over = Over(&over);
            for turns_of_spinning in [0, 200] {
                let (over, turns) = (&over, &turns);
                scope.spawn(move || {
                    while !over.load(Ordering::SeqCst) {
                        held(&mut || (0..turns_of_spinning).for_each(|_| std::hint::spin_loop()));
                        turns.fetch_add(1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
            for _ in 0..3 {
                let beside = run(held);
                assert_eq!(beside.record.end.cause, EndCause::Completed);
                assert_eq!(beside.record.digest(), before.record.digest());
            }
        });
        assert!(turns.into_inner() > 2, "somebody else had it");
    }
}

#[test]
fn a_thread_outside_gets_a_static_lock_that_a_run_gives_back() {
    for held in [rust_held_inside as Held, c_held_inside] {
        let (over, turns) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            let _over = Over(&over);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        held(&mut || {
                            turns.fetch_add(1, Ordering::SeqCst);
                        });
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
            for _ in 0..2 {
                let run = alone(move || async move {
                    let threads: Vec<_> = (0..2)
                        .map(|_| {
                            thread::spawn(move || {
                                for _ in 0..2 {
                                    // Those of the run wait in virtual time meanwhile.
                                    held(&mut || thread::sleep(ms(1)));
                                }
                            })
                        })
                        .collect();
                    tokio::time::sleep(ms(500)).await;
                    for thread in threads {
                        thread.join().expect("it ends");
                    }
                    pending().await
                });
                assert_eq!(run.record.end.cause, EndCause::Completed);
            }
        });
        assert!(turns.into_inner() > 0);
    }
}

#[test]
fn a_static_lock_that_is_held_for_long_outside_ends_no_run() {
    static LONG: Mutex<()> = Mutex::new(());
    static LONG_OF_C: OfC = OfC::new();
    let holds = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let guard = LONG.lock().expect("nobody panics");
            holds.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1_500));
            drop(guard);
        });
        scope.spawn(|| {
            LONG_OF_C.lock();
            holds.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1_500));
            LONG_OF_C.unlock();
        });
        while holds.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        let run = alone(|| async {
            let waits = [
                thread::spawn(|| drop(LONG.lock())),
                thread::spawn(|| {
                    LONG_OF_C.lock();
                    LONG_OF_C.unlock();
                }),
            ];
            for thread in waits {
                tokio::task::spawn_blocking(|| thread.join()).await?.expect("it ends");
            }
            tracing::info!("had both");
            pending().await
        });
        assert_eq!(run.record.end.cause, EndCause::Completed);
        assert_eq!(super::logged(&run).len(), 1);
    });
}

#[test]
fn what_one_run_begins_once_for_all_others_wait_for() {
    static BEGUN: Once = Once::new();
    let once = || {
        alone(|| async {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    thread::spawn(|| {
                        BEGUN.call_once(|| {
                            // Long in real time, nothing in virtual time.
                            (0..3_000_000).fold(0_u64, |sum, it| std::hint::black_box(sum + it));
                        });
                    })
                })
                .collect();
            for thread in threads {
                thread.join().expect("it ends");
            }
            tracing::info!("begun");
            pending().await
        })
    };
    let runs: Vec<Run> = thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(once)).collect();
        runs.into_iter().map(|run| run.join().expect("a run")).collect()
    });
    for run in &runs {
        assert_eq!(run.record.digest(), runs[0].record.digest());
        assert_eq!(super::logged(run), [(Duration::ZERO, "begun".to_owned())]);
    }
}
