//! What a worker host counts: who is busy, what failed, how full the buffer is.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use crate::{
    breaker::BreakerGauge,
    metrics::{Table, registry},
};

/// How a job ended here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Stored and acknowledged.
    Done,
    /// It failed and was put back.
    Failed,
    /// It was put back through no fault of its own.
    Deferred,
    /// Its lease expired.
    Lost,
    /// Dropped unfinished.
    Cancelled,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Done, Self::Failed, Self::Deferred, Self::Lost, Self::Cancelled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Failed => "failed",
            Self::Deferred => "deferred",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The metrics of one host.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    workers: Vec<WorkerMetrics>,
    jobs: [Counter; 5],
    busy: Gauge,
    idle: Gauge,
    pub(super) buffered: Gauge,
    pub(super) queue_errors: Counter,
    pub(super) breaker: BreakerGauge,
}

/// The metrics of one worker.
#[derive(Clone, Debug, Default)]
struct WorkerMetrics {
    busy: Gauge,
    errors: Counter,
}

impl Metrics {
    pub(super) fn new(workers: usize) -> (Self, Registry) {
        let metrics = Self {
            workers: (0..workers).map(|_| WorkerMetrics::default()).collect(),
            jobs: Default::default(),
            busy: Gauge::default(),
            idle: Gauge::default(),
            buffered: Gauge::default(),
            queue_errors: Counter::default(),
            breaker: BreakerGauge::new(),
        };
        metrics.idle.set(i64::try_from(workers).unwrap_or(i64::MAX));
        let mut registry = registry("worker");
        registry.register("busy", "Workers with a job", metrics.busy.clone());
        registry.register("idle", "Workers without a job", metrics.idle.clone());
        registry.register("buffered", "Jobs taken and not begun", metrics.buffered.clone());
        let help = "Calls to the queue that failed";
        registry.register("queue_errors", help, metrics.queue_errors.clone());
        registry.register(
            "breaker_state",
            "1 for the state that the breaker of the external API is in",
            metrics
                .breaker
                .series()
                .into_iter()
                .map(|(state, gauge)| ([("state", state.name())], gauge))
                .collect::<Table<_, _, 1>>(),
        );
        registry.register(
            "jobs",
            "Jobs, by how they ended here",
            Outcome::ALL
                .iter()
                .zip(&metrics.jobs)
                .map(|(outcome, count)| ([("outcome", outcome.name())], count))
                .collect::<Table<_, _, 1>>(),
        );
        let each = || {
            let label = |number: usize| [("worker".to_owned(), number.to_string())];
            metrics.workers.iter().enumerate().map(move |(number, it)| (label(number), it))
        };
        registry.register(
            "each_busy",
            "1 for a worker with a job, 0 for an idle one",
            each().map(|(label, it)| (label, &it.busy)).collect::<Table<_, _, 1>>(),
        );
        registry.register(
            "each_errors",
            "Jobs that failed, by worker",
            each().map(|(label, it)| (label, &it.errors)).collect::<Table<_, _, 1>>(),
        );
        (metrics, registry)
    }

    /// A worker begins with a job. One that is not among the workers counts in the sums only.
    pub(super) fn begin(&self, worker: usize) -> Busy<'_> {
        self.busy.inc();
        self.idle.dec();
        if let Some(worker) = self.workers.get(worker) {
            worker.busy.set(1);
        }
        Busy { metrics: self, worker, outcome: Outcome::Cancelled }
    }
}

/// A worker with a job, until this is dropped.
#[must_use = "the worker is idle again when this is dropped"]
pub(super) struct Busy<'a> {
    metrics: &'a Metrics,
    worker: usize,
    outcome: Outcome,
}

impl Busy<'_> {
    /// Says how the job ended.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let Self { metrics, worker, outcome } = self;
        metrics.busy.dec();
        metrics.idle.inc();
        metrics.jobs[*outcome as usize].inc();
        if let Some(worker) = metrics.workers.get(*worker) {
            worker.busy.set(0);
            if *outcome != Outcome::Done {
                worker.errors.inc();
            }
        }
    }
}
