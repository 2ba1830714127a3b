//! What the broker counts.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        counter::Counter,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};
use serde::Serialize;
use tokio::time::Instant;

use crate::metrics::registry;

/// How many jobs are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Ready or waiting.
    pub(super) queued: usize,
    pub(super) ready: usize,
    pub(super) waiting: usize,
    pub(super) leased: usize,
    pub(super) dead_letters: usize,
    /// What all of them take up.
    pub(super) bytes: u64,
}

/// The metrics of one broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    queued: Gauge,
    ready: Gauge,
    waiting: Gauge,
    leased: Gauge,
    dead_letters: Gauge,
    bytes: Gauge,
    pub(super) accepted: Counter,
    pub(super) leases: Counter,
    pub(super) expired: Counter,
    pub(super) late: Counter,
    pub(super) shed: Counter,
    pub(super) disk_failures: Counter,
    oldest: Oldest,
}

/// The age of the oldest job, which grows while nothing happens.
#[derive(Clone, Debug, Default)]
struct Oldest(Arc<Mutex<Option<Instant>>>);

impl Collector for Oldest {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = ConstGauge::new(since.map_or(0.0, |since| since.elapsed().as_secs_f64()));
        let help = "Age of the oldest job that is not done";
        let kind = age.metric_type();
        age.encode(encoder.encode_descriptor("oldest_age", help, Some(&Unit::Seconds), kind)?)
    }
}

impl Metrics {
    pub(super) fn new() -> (Self, Registry) {
        let metrics = Self::default();
        let mut registry = registry("queue_broker");
        let gauges = [
            ("queued", "Jobs that are ready or wait for their next attempt", &metrics.queued),
            ("ready", "Jobs that can be taken", &metrics.ready),
            ("waiting", "Jobs that wait for their next attempt", &metrics.waiting),
            ("leased", "Jobs under a lease", &metrics.leased),
            ("dead_letters", "Dead letters", &metrics.dead_letters),
            ("bytes", "Bytes of all that is kept", &metrics.bytes),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            ("accepted", "Jobs accepted or replayed", &metrics.accepted),
            ("leases", "Jobs handed out", &metrics.leases),
            ("expired", "Leases that expired", &metrics.expired),
            ("late", "Acknowledgements and failures that came after their lease", &metrics.late),
            ("shed", "Jobs turned away for lack of a place", &metrics.shed),
            ("disk_failures", "Batches that the disk refused", &metrics.disk_failures),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register_collector(Box::new(metrics.oldest.clone()));
        (metrics, registry)
    }

    /// Shows where the jobs are, and since when the oldest has been there.
    pub(super) fn show(&self, counts: &Counts, oldest: Option<Instant>) {
        let gauges = [
            (&self.queued, counts.queued),
            (&self.ready, counts.ready),
            (&self.waiting, counts.waiting),
            (&self.leased, counts.leased),
            (&self.dead_letters, counts.dead_letters),
        ];
        for (gauge, count) in gauges {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.bytes.set(i64::try_from(counts.bytes).unwrap_or(i64::MAX));
        *self.oldest.0.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }
}
