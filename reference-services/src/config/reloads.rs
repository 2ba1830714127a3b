//! How often a configuration was read again, and what came of it, for the metrics of a service.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// What was made of new configurations.
#[derive(Clone, Debug, Default)]
pub(super) struct Reloads(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    applied: AtomicU64,
    refused: AtomicU64,
    last_refused: AtomicBool,
}

impl Reloads {
    /// One was read, and is used or refused.
    pub(super) fn count(&self, applied: bool) {
        let count = if applied { &self.0.applied } else { &self.0.refused };
        count.fetch_add(1, Ordering::Relaxed);
        self.0.last_refused.store(!applied, Ordering::Relaxed);
    }

    /// Shows them among the metrics of a service.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }
}

impl Collector for Reloads {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Configurations that were read while the service ran, by what came of them";
        let kind = MetricType::Counter;
        let mut reloads = encoder.encode_descriptor("config_reloads", help, None, kind)?;
        for (outcome, count) in [("applied", &self.0.applied), ("refused", &self.0.refused)] {
            let count = ConstCounter::new(count.load(Ordering::Relaxed));
            count.encode(reloads.encode_family(&[("outcome", outcome)])?)?;
        }
        let help = "Whether the last configuration that was read is the one that is used";
        let name = "config_last_reload_successful";
        let last = ConstGauge::new(i64::from(!self.0.last_refused.load(Ordering::Relaxed)));
        last.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }
}
