//! What a relay counts.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use crate::metrics::{Table, registry};

/// How a request, or a try of a call, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    /// Turned away.
    Shed,
    /// No answer in time.
    Timeout,
    /// An error.
    Failed,
    /// Whoever asked has gone.
    Cancelled,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Shed, Self::Timeout, Self::Failed, Self::Cancelled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Shed => "shed",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The metrics of one instance.
#[derive(Debug)]
pub(super) struct Metrics {
    requests: [Counter; 5],
    calls: [Counter; 5],
    pub(super) in_flight: Gauge,
    pub(super) retries: Counter,
}

impl Metrics {
    pub(super) fn new() -> (Self, Registry) {
        let (requests, calls): ([Counter; 5], [Counter; 5]) = Default::default();
        let (in_flight, retries) = (Gauge::default(), Counter::default());
        let mut registry = registry("relay");
        let tables = [
            ("requests", "Requests for work, by how they ended", &requests),
            ("calls", "Tries of calls to the next one, by how they ended", &calls),
        ];
        for (name, help, counters) in tables {
            let series = Outcome::ALL.iter().zip(counters);
            let series = series.map(|(outcome, count)| ([("outcome", outcome.name())], count));
            registry.register(name, help, series.collect::<Table<_, _, 1>>());
        }
        registry.register("in_flight", "Requests for work in flight", in_flight.clone());
        registry.register("retries", "Tries after the first", retries.clone());
        (Self { requests, calls, in_flight, retries }, registry)
    }

    pub(super) fn count_request(&self, outcome: Outcome) {
        self.requests[outcome as usize].inc();
    }

    pub(super) fn count_call(&self, outcome: Outcome) {
        self.calls[outcome as usize].inc();
    }
}
