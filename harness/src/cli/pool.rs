//! Runs several runs at the same time, and hands out the results in order.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use super::progress::Progress;
use crate::{
    run::{Run, RunError, run_with},
    scenario::Scenario,
    sim::Signals,
};

/// One run that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
}

/// What became of a job; `None` if the process was interrupted before it began.
pub(super) type Done = Option<Result<Run, RunError>>;

/// Makes all runs and calls `each` with their results, in the order of the jobs.
pub(super) fn run_all(
    jobs: &[Job],
    threads: Option<u16>,
    interrupted: &Arc<AtomicBool>,
    progress: &Progress,
    mut each: impl FnMut(&Job, Done),
) {
    let threads = threads
        .map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for _ in 0..threads.min(jobs.len()) {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                while let Some((place, job)) = take(jobs, next) {
                    let done = (!interrupted.load(Ordering::Relaxed)).then(|| {
                        let now = Arc::new(AtomicU64::new(0));
                        let shown = progress.begin(job, &now);
                        let signals = Signals { now, interrupt: Arc::clone(interrupted) };
                        let done = run_with(&job.scenario, job.seed, signals);
                        progress.end(shown, job, &done);
                        done
                    });
                    // Nobody listens only if the process is on its way out.
                    let _ = send.send((place, done));
                }
            });
        }
        drop(send);
        let mut early = BTreeMap::new();
        let mut expected = 0;
        for (place, done) in receive {
            early.insert(place, done);
            while let Some(done) = early.remove(&expected) {
                each(&jobs[expected], done);
                expected += 1;
            }
        }
    });
}

fn take<'a>(jobs: &'a [Job], next: &AtomicUsize) -> Option<(usize, &'a Job)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(place).map(|job| (place, job))
}
