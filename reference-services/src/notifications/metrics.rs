//! What the notifications count.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use super::inbox::Inbox;
use crate::metrics::registry;

/// The metrics of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    events: Gauge,
    pub(super) repeated: Counter,
    pub(super) disk_failures: Counter,
}

impl Metrics {
    pub(super) fn new() -> (Self, Registry) {
        let metrics = Self::default();
        let mut registry = registry("notifications");
        registry.register("events", "Events that are known", metrics.events.clone());
        registry.register("repeated", "Events that were known", metrics.repeated.clone());
        let help = "Batches that the disk refused";
        registry.register("disk_failures", help, metrics.disk_failures.clone());
        (metrics, registry)
    }

    /// Shows what there is.
    pub(super) fn show(&self, inbox: &Inbox) {
        self.events.set(i64::try_from(inbox.len()).unwrap_or(i64::MAX));
    }
}
