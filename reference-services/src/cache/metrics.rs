//! What the cache service counts, in a registry of its own for each instance.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::metrics::{Table, registry};

/// Bucket bounds for an answer from memory, in seconds.
const BUCKETS: [f64; 8] = [0.000_1, 0.000_2, 0.000_5, 0.001, 0.005, 0.02, 0.1, 0.5];

/// How a request for an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    /// From the source, because the cache did not have it.
    Cold,
    /// From the cache, and older than it should be.
    Stale,
    ClientError,
    Shed,
    /// There was nothing to answer with.
    Failed,
    /// The client went away.
    Cancelled,
}

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Ok,
        Self::Cold,
        Self::Stale,
        Self::ClientError,
        Self::Shed,
        Self::Failed,
        Self::Cancelled,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Cold => "cold",
            Self::Stale => "stale",
            Self::ClientError => "client-error",
            Self::Shed => "shed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The metrics of one instance.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) registry: Registry,
    requests: [Counter; 7],
    request_seconds: Histogram,
    pub(super) in_flight: Gauge,
    pub(super) streams: Gauge,
    /// 1 from the moment the cache is warm.
    pub(super) warm: Gauge,
    pub(super) refreshes_failed: Counter,
    pub(super) sessions_begun: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let metrics = Self {
            registry: registry("cache"),
            requests: Default::default(),
            request_seconds: Histogram::new(BUCKETS),
            in_flight: Gauge::default(),
            streams: Gauge::default(),
            warm: Gauge::default(),
            refreshes_failed: Counter::default(),
            sessions_begun: Counter::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let outcomes = Outcome::ALL.iter().zip(&self.requests);
        registry.register(
            "requests",
            "Requests for an item, by how they ended",
            outcomes
                .map(|(outcome, count)| ([("outcome", outcome.name())], count))
                .collect::<Table<_, _, 1>>(),
        );
        registry.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        let in_flight = "Requests for an item in flight";
        registry.register("in_flight", in_flight, self.in_flight.clone());
        let streams = "Exports and snapshots in flight";
        registry.register("streams", streams, self.streams.clone());
        registry.register("warm", "1 when the cache is warm", self.warm.clone());
        let refreshes = "Ranges that could not be refreshed";
        registry.register("refreshes_failed", refreshes, self.refreshes_failed.clone());
        registry.register("sessions_begun", "Sessions begun", self.sessions_begun.clone());
        self
    }

    pub(super) fn count(&self, outcome: Outcome, took: Duration) {
        self.requests[outcome as usize].inc();
        if outcome != Outcome::Cancelled {
            self.request_seconds.observe(took.as_secs_f64());
        }
    }
}
