//! What the store counts.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use crate::metrics::registry;

/// The metrics of one store.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    results: Gauge,
    pub(super) duplicates: Counter,
    pub(super) disk_failures: Counter,
}

impl Metrics {
    pub(super) fn new() -> (Self, Registry) {
        let metrics = Self::default();
        let mut registry = registry("result_store");
        registry.register("results", "Results that are kept", metrics.results.clone());
        let help = "Results of jobs that had one already";
        registry.register("duplicates", help, metrics.duplicates.clone());
        let help = "Batches that the disk refused";
        registry.register("disk_failures", help, metrics.disk_failures.clone());
        (metrics, registry)
    }

    /// Shows how many results are kept.
    pub(super) fn show(&self, results: usize) {
        self.results.set(i64::try_from(results).unwrap_or(i64::MAX));
    }
}
