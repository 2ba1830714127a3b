//! What the external API counts.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use crate::metrics::{Table, registry};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    /// Done already, with the same idempotency key.
    Repeated,
    /// Beyond the limit.
    Limited,
    /// The payload can never be processed.
    Poison,
    /// The request was wrong.
    ClientError,
    /// The caller went away.
    Cancelled,
}

impl Outcome {
    const ALL: [Self; 6] =
        [Self::Ok, Self::Repeated, Self::Limited, Self::Poison, Self::ClientError, Self::Cancelled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Repeated => "repeated",
            Self::Limited => "limited",
            Self::Poison => "poison",
            Self::ClientError => "client-error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The metrics of one instance.
#[derive(Debug)]
pub(super) struct Metrics {
    calls: [Counter; 6],
    pub(super) in_flight: Gauge,
}

impl Metrics {
    pub(super) fn new() -> (Self, Registry) {
        let calls: [Counter; 6] = Default::default();
        let in_flight = Gauge::default();
        let mut registry = registry("external_api");
        let outcomes = Outcome::ALL.iter().zip(&calls);
        registry.register(
            "calls",
            "Calls, by how they ended",
            outcomes
                .map(|(outcome, count)| ([("outcome", outcome.name())], count))
                .collect::<Table<_, _, 1>>(),
        );
        registry.register("in_flight", "Calls in flight", in_flight.clone());
        (Self { calls, in_flight }, registry)
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.calls[outcome as usize].inc();
    }
}
