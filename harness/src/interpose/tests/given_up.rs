//! Threads that a run gives up, and runs that are given up with theirs.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use super::{
    super::{
        calls::threads::spawn::become_child,
        lockstep::{PATIENCE, lose, sleep_until},
        threads::{self, Child, Family},
    },
    alone, left, ms, try_alone,
};

fn spin_until(flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        std::hint::spin_loop();
    }
}

#[test]
fn a_thread_that_is_given_up_touches_nothing_of_the_run_any_more() {
    type Call = fn();
    let calls: [Call; 4] = [
        || drop(threads::at_kernel(|| Ok(()))),
        || {
            sleep_until(5);
        },
        || threads::block("it does something"),
        // It ends, which its family would be told.
        || {},
    ];
    for call in calls {
        let family = Family::found(1);
        let child = Arc::new(Child::new(Arc::clone(&family), 1));
        let (gone, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        family.state().add(Arc::clone(&child), 0, 0);
        let (own, was_lost, began) = (Arc::clone(&child), Arc::clone(&lost), Arc::clone(&gone));
        thread::spawn(move || {
            become_child(own);
            began.store(true, Ordering::SeqCst);
            spin_until(&was_lost);
            threads::wake_waiters(7, 1);
            call();
        });
        spin_until(&gone);
        assert!(lose(&family, &child), "it has not handed the baton back");
        family.state().abandon(1);
        lost.store(true, Ordering::SeqCst);
        assert!(!family.lead.await_it_for(100), "it moves the thread of the run");
        assert!(family.state().job.is_none());
        family.dissolve();
    }
}

#[test]
fn a_thread_that_hands_the_baton_back_at_the_last_moment_is_not_given_up() {
    let family = Family::found(1);
    let child = Child::new(Arc::clone(&family), 1);
    family.lead.hand_over();
    assert!(!lose(&family, &child));
    assert!(lose(&family, &child), "now there is no baton");
    family.dissolve();
}

#[test]
fn a_run_says_of_a_thread_that_it_gives_up_what_that_does() {
    let over = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&over);
    let run = alone(move || {
        let over = Arc::clone(&over);
        async move {
            PATIENCE.set(300);
            let spins = move || {
                spin_until(&over);
                // Not in the time of the run, which is over.
                thread::sleep(ms(1));
            };
            thread::Builder::new().name("spins".to_owned()).spawn(spins)?;
            pending().await
        }
    });
    end.store(true, Ordering::SeqCst);
    let what = left(&run);
    assert!(what.contains("\"spins\" runs, and neither waits nor ends"), "{what}");

    // What waits for real, past all that is simulated.
    let run = alone(|| async {
        PATIENCE.set(300);
        let waits = || {
            // SAFETY: a semaphore of zeros is one that nobody has posted.
            unsafe {
                let mut semaphore: libc::sem_t = std::mem::zeroed();
                libc::sem_wait(&raw mut semaphore);
            }
        };
        thread::Builder::new().name("waits".to_owned()).spawn(waits)?;
        pending().await
    });
    let what = left(&run);
    assert!(what.contains("\"waits\" waits in the system call futex"), "{what}");
}

#[test]
fn a_run_whose_runtime_waits_for_ever_is_given_up_and_says_for_what_and_where() {
    let error = try_alone(|| async {
        let (send, receive) = mpsc::channel::<()>();
        let _ = receive.recv();
        drop(send);
        Ok(())
    })
    .expect_err("there is no record");
    let error = error.to_string();
    assert!(error.contains("on the thread of its runtime"), "{error}");
    assert!(error.contains("given_up.rs"), "{error}");
    assert!(!error.contains("never yields"), "{error}");

    // If somebody outside of the run ends it, there is a record after all.
    let shared = Arc::new(std::sync::Mutex::new(()));
    let (held, taken) = (Arc::clone(&shared), Arc::new(AtomicBool::new(false)));
    let holds = Arc::clone(&taken);
    let outside = thread::spawn(move || {
        let guard = held.lock().expect("nobody panics");
        holds.store(true, Ordering::SeqCst);
        thread::sleep(Duration::from_secs(1));
        drop(guard);
    });
    spin_until(&taken);
    alone(move || {
        drop(shared.lock().expect("nobody panics"));
        async { pending().await }
    });
    outside.join().expect("it ends");
}
