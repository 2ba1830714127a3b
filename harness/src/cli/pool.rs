//! Runs several runs at the same time, and hands out the results in order.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use super::{job::Job, progress::Progress};
use crate::{
    backend::Perform,
    run::{Run, RunError, Signals, perform::run_on},
};

/// What became of a job; `None` if the process was interrupted before it began.
pub(super) type Done = Option<Result<Run, RunError>>;

/// Makes all runs and calls `each` with their results, in the order of the jobs.
pub(super) fn run_all(
    jobs: &[Job],
    threads: Option<u16>,
    backend: &Arc<dyn Perform>,
    interrupted: &Arc<AtomicBool>,
    progress: &Progress,
    mut each: impl FnMut(&Job, Done),
) {
    let threads = threads
        .map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let make = |job: &Job| {
        (!interrupted.load(Ordering::Relaxed)).then(|| {
            let now = Arc::new(AtomicU64::new(0));
            let shown = progress.begin(job, &now);
            let signals = Signals { now, interrupt: Arc::clone(interrupted) };
            let done = run_on(Arc::clone(backend), &job.scenario, job.seed, signals);
            progress.end(shown, job, &done);
            done
        })
    };
    in_order(jobs, threads, make, &mut each);
}

/// How far the threads may be ahead of the next result to be handed out, for each of them. A
/// result is a whole record, so that results that wait for a slow one must not pile up.
const AHEAD: usize = 2;

/// Makes something of each job, on several threads, and hands it out in the order of the jobs.
fn in_order<J: Sync, D: Send>(
    jobs: &[J],
    threads: usize,
    make: impl Fn(&J) -> D + Sync,
    mut each: impl FnMut(&J, D),
) {
    let threads = threads.min(jobs.len());
    let next = AtomicUsize::new(0);
    let window = Window::new(threads * AHEAD);
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for _ in 0..threads {
            let (send, next, window, make) = (send.clone(), &next, &window, &make);
            scope.spawn(move || {
                while let Some((place, job)) = take(jobs, next) {
                    // The job that is handed out next is always within the window, and whoever
                    // took it is not waiting: so the window moves on.
                    window.wait_for(place);
                    if send.send((place, make(job))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        // Else a panic in `each` would wait forever for threads that wait for it.
        let _open = OpenAtEnd(&window);
        let mut early = BTreeMap::new();
        let mut expected = 0;
        for (place, done) in receive {
            early.insert(place, done);
            while let Some(done) = early.remove(&expected) {
                each(&jobs[expected], done);
                expected += 1;
                window.move_to(expected);
            }
        }
    });
}

/// The places that may be worked on: from the next one to be handed out, so many.
struct Window {
    from: Mutex<usize>,
    moved: Condvar,
    width: usize,
}

impl Window {
    fn new(width: usize) -> Self {
        Self { from: Mutex::new(0), moved: Condvar::new(), width }
    }

    fn wait_for(&self, place: usize) {
        let from = self.from.lock().unwrap_or_else(PoisonError::into_inner);
        let outside = |from: &mut usize| place >= from.saturating_add(self.width);
        let waited = self.moved.wait_while(from, outside);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn move_to(&self, from: usize) {
        *self.from.lock().unwrap_or_else(PoisonError::into_inner) = from;
        self.moved.notify_all();
    }
}

struct OpenAtEnd<'w>(&'w Window);

impl Drop for OpenAtEnd<'_> {
    fn drop(&mut self) {
        self.0.move_to(usize::MAX);
    }
}

fn take<'a, J>(jobs: &'a [J], next: &AtomicUsize) -> Option<(usize, &'a J)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(place).map(|job| (place, job))
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::{AHEAD, in_order};

    #[test]
    fn results_come_in_order() {
        let jobs: Vec<usize> = (0..100).collect();
        let mut seen = Vec::new();
        in_order(&jobs, 4, |job| job * 2, |job, done| seen.push((*job, done)));
        assert_eq!(seen, jobs.iter().map(|job| (*job, job * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_runs_far_ahead_of_a_slow_result() {
        const THREADS: usize = 3;
        let jobs: Vec<usize> = (0..50).collect();
        let (begun, handed_out) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |job: &usize| {
            let so_far = begun.fetch_add(1, Ordering::SeqCst) + 1;
            // The first goes on when the others have done all that they may, or too much.
            while *job == 0 && begun.load(Ordering::SeqCst) < THREADS * AHEAD {
                thread::yield_now();
            }
            if *job == 0 {
                (0..1_000).for_each(|_| thread::yield_now());
            }
            so_far - handed_out.load(Ordering::SeqCst).min(so_far)
        };
        let mut furthest = 0;
        in_order(&jobs, THREADS, make, |_, ahead| {
            furthest = furthest.max(ahead);
            handed_out.fetch_add(1, Ordering::SeqCst);
        });
        // The result that is being handed out just now is counted by nobody.
        assert!(furthest <= THREADS * AHEAD + 1, "{furthest} ahead");
        assert_eq!(handed_out.into_inner(), jobs.len());
    }

    #[test]
    fn a_panic_of_the_receiver_ends_it() {
        let jobs: Vec<usize> = (0..50).collect();
        let panics = || in_order(&jobs, 2, |job| *job, |_, _| panic!("on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    }
}
