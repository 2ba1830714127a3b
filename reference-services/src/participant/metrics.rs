//! What a participant counts.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use super::{Kind, books::Books};
use crate::metrics::registry;

/// The metrics of one participant.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    entries: Gauge,
    in_effect: Gauge,
    pub(super) repeated: Counter,
    pub(super) disk_failures: Counter,
}

impl Metrics {
    pub(super) fn new(kind: Kind) -> (Self, Registry) {
        let metrics = Self::default();
        let mut registry = registry(kind.name());
        registry.register("entries", "Keys in the book", metrics.entries.clone());
        registry.register("in_effect", "Keys that are in effect", metrics.in_effect.clone());
        let help = "Calls about something that was done or undone before";
        registry.register("repeated", help, metrics.repeated.clone());
        let help = "Batches that the disk refused";
        registry.register("disk_failures", help, metrics.disk_failures.clone());
        (metrics, registry)
    }

    /// Shows what there is.
    pub(super) fn show(&self, books: &Books) {
        self.entries.set(i64::try_from(books.len()).unwrap_or(i64::MAX));
        self.in_effect.set(i64::try_from(books.in_effect()).unwrap_or(i64::MAX));
    }
}
