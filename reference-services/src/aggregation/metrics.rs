//! What the API counts, in a registry of its own for each instance.
//!
//! Every series exists from the start and is held by a handle, so that counting is an atomic
//! addition, and the exposition is in the same order every time.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{
    config::Config,
    endpoint_metrics::{EndpointMetrics, HedgeMetrics, register_endpoints, register_hedges},
};
use crate::{
    breaker::BreakerGauge, dependency::Kind, metrics::Table, server::Trace, traced::Traced,
};

/// Bucket bounds around the two deadlines, in seconds.
const BUCKETS: [f64; 12] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.18, 0.2];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestOutcome {
    Ok,
    Degraded,
    ClientError,
    Shed,
    Failed,
    Cancelled,
}

impl RequestOutcome {
    const ALL: [Self; 6] =
        [Self::Ok, Self::Degraded, Self::ClientError, Self::Shed, Self::Failed, Self::Cancelled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::ClientError => "client-error",
            Self::Shed => "shed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How an attempt of a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallOutcome {
    Ok,
    Timeout,
    Error,
    /// By the breaker or the bulkhead.
    Rejected,
    /// Dropped unfinished.
    Cancelled,
}

impl CallOutcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Timeout, Self::Error, Self::Rejected, Self::Cancelled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The metrics of one instance of the API.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: [Counter; 6],
    request_seconds: Traced,
    pub(super) in_flight: Gauge,
    calls: [CallMetrics; 4],
}

/// The metrics of the calls to one dependency.
#[derive(Clone, Debug)]
pub(super) struct CallMetrics {
    outcomes: [Counter; 5],
    seconds: Histogram,
    pub(super) in_flight: Gauge,
    pub(super) places: Gauge,
    pub(super) retries: Counter,
    pub(super) breaker: BreakerGauge,
    /// Those of its endpoints, if there are several.
    pub(super) endpoints: Vec<EndpointMetrics>,
    pub(super) hedges: HedgeMetrics,
}

impl Metrics {
    /// All of them, beside what the registry has already.
    pub(super) fn new(config: &Config, mut registry: Registry) -> Self {
        let requests: [Counter; 6] = Default::default();
        let request_seconds = Traced::new(BUCKETS);
        let in_flight = Gauge::default();
        let mut calls = Kind::ALL.map(|_| CallMetrics::new());
        let outcomes = RequestOutcome::ALL.iter().zip(&requests);
        registry.register(
            "requests",
            "Requests for a product, by how they ended",
            outcomes
                .map(|(outcome, count)| ([("outcome", outcome.name())], count))
                .collect::<Table<_, _, 1>>(),
        );
        registry.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            request_seconds.clone(),
        );
        registry.register("in_flight", "Requests for a product in flight", in_flight.clone());
        register_calls(&mut registry, &calls);
        let endpoints = register_endpoints(&mut registry, config);
        for (calls, endpoints) in calls.iter_mut().zip(endpoints) {
            calls.endpoints = endpoints;
        }
        register_hedges(&mut registry, config, &calls.each_ref().map(|calls| &calls.hedges));
        Self { registry, requests, request_seconds, in_flight, calls }
    }

    pub(super) fn calls(&self, kind: Kind) -> CallMetrics {
        self.calls[kind as usize].clone()
    }

    pub(super) fn count(&self, outcome: RequestOutcome, took: Duration, trace: Trace) {
        self.requests[outcome as usize].inc();
        if outcome != RequestOutcome::Cancelled {
            self.request_seconds.observe(took.as_secs_f64(), trace);
        }
    }

    /// All of them.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// To be told of others.
    pub(super) fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }
}

impl CallMetrics {
    fn new() -> Self {
        let breaker = BreakerGauge::new();
        Self {
            outcomes: Default::default(),
            seconds: Histogram::new(BUCKETS),
            in_flight: Gauge::default(),
            places: Gauge::default(),
            retries: Counter::default(),
            breaker,
            endpoints: Vec::new(),
            hedges: HedgeMetrics::default(),
        }
    }

    pub(super) fn count(&self, outcome: CallOutcome, took: Duration) {
        self.outcomes[outcome as usize].inc();
        if !matches!(outcome, CallOutcome::Rejected | CallOutcome::Cancelled) {
            self.seconds.observe(took.as_secs_f64());
        }
    }
}

fn register_calls(registry: &mut Registry, calls: &[CallMetrics; 4]) {
    let each = || Kind::ALL.into_iter().zip(calls);
    let by_kind = |kind: Kind| [("dependency", kind.name())];
    registry.register(
        "calls",
        "Attempts of calls to a dependency, by how they ended",
        each()
            .flat_map(|(kind, calls)| {
                CallOutcome::ALL.iter().zip(&calls.outcomes).map(move |(outcome, count)| {
                    ([("dependency", kind.name()), ("outcome", outcome.name())], count)
                })
            })
            .collect::<Table<_, _, 2>>(),
    );
    registry.register_with_unit(
        "call_duration",
        "Time of an attempt that was neither rejected nor cancelled",
        Unit::Seconds,
        each().map(|(kind, calls)| (by_kind(kind), &calls.seconds)).collect::<Table<_, _, 1>>(),
    );
    registry.register(
        "calls_in_flight",
        "Attempts in flight",
        each().map(|(kind, calls)| (by_kind(kind), &calls.in_flight)).collect::<Table<_, _, 1>>(),
    );
    registry.register(
        "bulkhead_places",
        "Places of the bulkhead that calls hold, between their attempts too",
        each().map(|(kind, calls)| (by_kind(kind), &calls.places)).collect::<Table<_, _, 1>>(),
    );
    registry.register(
        "retries",
        "Attempts after the first",
        each().map(|(kind, calls)| (by_kind(kind), &calls.retries)).collect::<Table<_, _, 1>>(),
    );
    registry.register(
        "breaker_state",
        "1 for the state that the breaker is in",
        each()
            .flat_map(|(kind, calls)| {
                calls.breaker.series().map(|(state, gauge)| {
                    ([("dependency", kind.name()), ("state", state.name())], gauge)
                })
            })
            .collect::<Table<_, _, 2>>(),
    );
}
