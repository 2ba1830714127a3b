//! What a replica of stock counts.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use crate::metrics::registry;

/// The metrics of one replica.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    pub(super) following: Gauge,
    pub(super) revision: Gauge,
    pub(super) streams: Counter,
    pub(super) snapshots: Counter,
    pub(super) applied: Counter,
    pub(super) read_through: Counter,
}

impl Metrics {
    pub(super) fn new() -> (Self, Registry) {
        let metrics = Self::default();
        let mut registry = registry("stock_replica");
        let help = "1 while the inventory tells of changes";
        registry.register("following", help, metrics.following.clone());
        registry.register("revision", "The revision of the copy", metrics.revision.clone());
        registry.register("streams", "Streams that were begun", metrics.streams.clone());
        registry.register("snapshots", "Snapshots taken", metrics.snapshots.clone());
        registry.register("changes_applied", "Changes applied", metrics.applied.clone());
        let help = "Questions that the inventory was asked instead of the copy";
        registry.register("read_through", help, metrics.read_through.clone());
        (metrics, registry)
    }
}
