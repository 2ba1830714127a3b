//! One run of a scenario: a plan and a seed in, a record and its verdict out.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use squall_reports::{
    record::{Backend, Record},
    verdict::{Finding, FindingKind, Verdict},
};

use super::signals::Signals;
use crate::{
    backend::{Asked, Perform, simulation::Simulation},
    interpose::{Parts, Stuck},
    judge::{Judgement, judge},
    plan::InvalidPlan,
    scenario::Scenario,
};

/// How much longer than its own limit a run may take before it is given up: it is then stuck
/// in code that never yields.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// How often whoever waits for a record looks at whether its run is stuck, and how long that must have
/// been so: somebody outside of the run may hold a lock for a moment.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const STUCK_FOR: Duration = Duration::from_secs(4);

/// Deep futures of unoptimised builds want more than the two megabytes of a thread.
const STACK_BYTES: usize = 16 << 20;

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct Run {
    /// Everything that happened.
    pub record: Record,
    /// What was concluded from it.
    pub judgement: Judgement,
    /// How long it took, in real time.
    pub wall: Duration,
}

impl Run {
    /// The verdict on the whole run.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.judgement.verdict
    }

    /// The objectives and invariants that failed, in a run that came to its planned end. A run
    /// that did not was not judged by what it was to show, so it has none.
    pub(crate) fn failed(&self) -> Vec<&Finding> {
        if !self.record.end.cause.is_complete() {
            return Vec::new();
        }
        let claims = self.judgement.findings.iter().filter(|finding| {
            matches!(finding.kind, FindingKind::Objective | FindingKind::Invariant)
        });
        claims.filter(|finding| finding.verdict == Verdict::Fail).collect()
    }

    /// Was the run given up because it took too long in real time? What that shows depends on the
    /// machine, and another run with the same seed may end otherwise.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.record.end.cause.is_out_of_time()
    }
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan cannot be performed.
    #[error("the plan of {scenario} cannot be performed: {source}")]
    InvalidPlan {
        /// The scenario's name.
        scenario: String,
        /// What is wrong with it.
        source: InvalidPlan,
    },
    /// The backend cannot perform all of the plan.
    #[error("{scenario} cannot be performed on {backend}: {}", reasons.join("; "))]
    Unsupported {
        /// The scenario's name.
        scenario: String,
        /// Who cannot perform it.
        backend: Backend,
        /// What it lacks for that.
        reasons: Vec<String>,
    },
    /// The harness itself failed.
    #[error("the harness failed while it ran {scenario} with seed {seed}: {reason}")]
    Harness {
        /// The scenario's name.
        scenario: String,
        /// The seed of the run.
        seed: u64,
        /// The panic, or what else went wrong.
        reason: String,
    },
}

/// Runs a scenario with a seed in the simulation, on a thread of its own.
///
/// # Errors
///
/// When the plan cannot be performed, or when the harness fails. A service that fails or panics
/// is no error: the record says so, and the verdict is a failure.
pub fn run(scenario: &Scenario, seed: u64) -> Result<Run, RunError> {
    run_with(scenario, seed, Signals::default())
}

/// As [`run`], with a way to watch the run and to interrupt it.
///
/// # Errors
///
/// As [`run`].
pub fn run_with(scenario: &Scenario, seed: u64, signals: Signals) -> Result<Run, RunError> {
    run_parts(scenario, seed, signals, Parts::default())
}

/// As [`run_with`], with parts of the simulation switched off.
pub(crate) fn run_parts(
    scenario: &Scenario,
    seed: u64,
    signals: Signals,
    parts: Parts,
) -> Result<Run, RunError> {
    run_on(Arc::new(Simulation { parts }), scenario, seed, signals)
}

/// Runs a scenario with a seed on a backend, on a thread of its own.
pub(crate) fn run_on(
    backend: Arc<dyn Perform>,
    scenario: &Scenario,
    seed: u64,
    signals: Signals,
) -> Result<Run, RunError> {
    let name = || scenario.name().to_owned();
    scenario.check().map_err(|source| RunError::InvalidPlan { scenario: name(), source })?;
    let reasons = backend.lacks_for(scenario);
    if !reasons.is_empty() {
        let backend = backend.backend();
        return Err(RunError::Unsupported { scenario: name(), backend, reasons });
    }
    let started = Instant::now();
    let patience = scenario.plan().limits.wall_time.saturating_add(GIVE_UP_AFTER);
    let asked = Asked { scenario: scenario.clone(), seed, signals };
    let failed = |reason: String| RunError::Harness { scenario: name(), seed, reason };
    let (send, receive) = mpsc::channel();
    let stuck = Stuck::default();
    let watched = stuck.clone();
    let thread = thread::Builder::new()
        .name(format!("run {}", scenario.name()))
        .stack_size(STACK_BYTES)
        .spawn(move || {
            watched.watch_this_thread();
            let record = backend.perform(asked);
            // Nobody listens any more only if the run was given up.
            let _ = send.send(record);
        })
        .map_err(|error| failed(format!("no thread could be started: {error}")))?;
    let record = match wait_for(&receive, patience, &stuck) {
        Ok(record) => record.map_err(failed)?,
        Err(RecvTimeoutError::Timeout) => {
            let waited = Duration::from_secs(started.elapsed().as_secs());
            return Err(failed(format!("no end after {waited:?}: {}", stuck.reason())));
        }
        Err(RecvTimeoutError::Disconnected) => {
            let panic = thread.join().err();
            let text = panic.as_deref().and_then(|panic| {
                let text = panic.downcast_ref::<&str>().copied();
                text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            });
            return Err(failed(text.unwrap_or("the run ended without a record").to_owned()));
        }
    };
    let plan = scenario.plan();
    let objectives = plan.processes.objectives(&plan.objectives, record.header.backend);
    let judgement = judge(&record, &objectives);
    Ok(Run { record, judgement, wall: started.elapsed() })
}

/// Waits for the record of a run, for not much longer once its thread waits for what nobody in the run
/// can bring about.
fn wait_for<T>(
    receive: &Receiver<T>,
    patience: Duration,
    stuck: &Stuck,
) -> Result<T, RecvTimeoutError> {
    let (mut left, mut stuck_for) = (patience, Duration::ZERO);
    while !left.is_zero() && stuck_for < STUCK_FOR {
        let step = LOOK_EVERY.min(left);
        match receive.recv_timeout(step) {
            Err(RecvTimeoutError::Timeout) => {}
            result => return result,
        }
        left -= step;
        stuck_for = if stuck.waits().is_some() { stuck_for + step } else { Duration::ZERO };
    }
    Err(RecvTimeoutError::Timeout)
}

#[cfg(test)]
pub(crate) mod tests;
