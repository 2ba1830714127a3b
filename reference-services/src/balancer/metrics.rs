//! What the load balancer counts: answers to clients, and for each group of endpoints what an
//! orchestrator judges a new version by.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric, counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::EndpointsSpec;
use crate::metrics::{Table, registry};

/// Bucket bounds in seconds.
const BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];

/// Groups are remembered after they have gone, up to this many.
const GROUPS_MAX: usize = 256;

/// What a client got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The answer of an endpoint.
    Passed,
    /// An error of the client's own making.
    ClientError,
    Shed,
    /// An error, because no endpoint answered.
    Failed,
    /// Nothing: it went away.
    Cancelled,
}

impl Outcome {
    const ALL: [Self; 5] =
        [Self::Passed, Self::ClientError, Self::Shed, Self::Failed, Self::Cancelled];

    fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::ClientError => "client-error",
            Self::Shed => "shed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The metrics of one group.
#[derive(Debug)]
pub(super) struct GroupMetrics {
    pub(super) requests: Counter,
    pub(super) failures: Counter,
    pub(super) latency: Histogram,
    pub(super) connections: Counter,
    pub(super) ejections: Counter,
}

/// A counter of a group.
type Counted = fn(&GroupMetrics) -> &Counter;

/// Groups by name, as they come up.
type ByName = Arc<Mutex<BTreeMap<String, Arc<GroupMetrics>>>>;

/// The metrics of one instance.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) registry: Registry,
    answers: [Counter; 5],
    pub(super) in_flight: Gauge,
    pub(super) retries: Counter,
    groups: ByName,
}

/// One metric of all groups.
#[derive(Debug)]
struct OfGroups<M> {
    groups: ByName,
    metric: fn(&GroupMetrics) -> &M,
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for OfGroups<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let groups = self.groups.lock().expect("nothing panics while it holds the lock");
        for (name, group) in &*groups {
            let labels = [("group", name.as_str())];
            (self.metric)(group).encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let answers: [Counter; 5] = Default::default();
        let (in_flight, retries) = (Gauge::default(), Counter::default());
        let groups = ByName::default();
        let mut registry = registry("balancer");
        registry.register(
            "answers",
            "What clients got",
            Outcome::ALL
                .iter()
                .zip(&answers)
                .map(|(outcome, count)| ([("outcome", outcome.name())], count))
                .collect::<Table<_, _, 1>>(),
        );
        registry.register("in_flight", "Requests of clients in flight", in_flight.clone());
        registry.register("retries", "Attempts after the first", retries.clone());
        let counters: [(&str, &str, Counted); 4] = [
            ("requests", "Attempts at an endpoint of the group", |group| &group.requests),
            ("failures", "Those that got no answer, or one from 500 on", |group| &group.failures),
            ("connections_opened", "Connections opened to endpoints", |group| &group.connections),
            ("ejections", "How often an endpoint was left out", |group| &group.ejections),
        ];
        for (name, help, metric) in counters {
            registry.register(name, help, OfGroups { groups: Arc::clone(&groups), metric });
        }
        let latency: fn(&GroupMetrics) -> &Histogram = |group| &group.latency;
        registry.register_with_unit(
            "latency",
            "Time from an attempt to the head of its answer",
            Unit::Seconds,
            OfGroups { groups: Arc::clone(&groups), metric: latency },
        );
        Self { registry, answers, in_flight, retries, groups }
    }

    /// The metrics of the group with this name.
    pub(super) fn group(&self, name: &str) -> Arc<GroupMetrics> {
        let mut groups = self.groups.lock().expect("nothing panics while it holds the lock");
        let group = groups.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(GroupMetrics {
                requests: Counter::default(),
                failures: Counter::default(),
                latency: Histogram::new(BUCKETS),
                connections: Counter::default(),
                ejections: Counter::default(),
            })
        });
        Arc::clone(group)
    }

    /// Groups that have gone are kept for those who read the metrics now and then, unless there
    /// are very many.
    pub(super) fn forget_all_but(&self, named: &EndpointsSpec) {
        let mut groups = self.groups.lock().expect("nothing panics while it holds the lock");
        if groups.len() > GROUPS_MAX {
            groups.retain(|name, _| named.groups.iter().any(|group| group.name == *name));
        }
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.answers[outcome as usize].inc();
    }
}
