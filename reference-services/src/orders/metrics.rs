//! What the orders count.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use super::{ledger::Ledger, saga::Party};
use crate::{
    breaker::BreakerGauge,
    metrics::{Table, registry},
};

/// The metrics of one service.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    open: Gauge,
    finals: Gauge,
    outbox: Gauge,
    pub(super) shed: Counter,
    pub(super) retries: Counter,
    pub(super) disk_failures: Counter,
    pub(super) breakers: [BreakerGauge; 3],
}

impl Metrics {
    pub(super) fn new() -> (Self, Registry) {
        let metrics = Self {
            open: Gauge::default(),
            finals: Gauge::default(),
            outbox: Gauge::default(),
            shed: Counter::default(),
            retries: Counter::default(),
            disk_failures: Counter::default(),
            breakers: Party::ALL.map(|_| BreakerGauge::new()),
        };
        let mut registry = registry("orders");
        let gauges = [
            ("open", "Orders that are not final", &metrics.open),
            ("final", "Final orders that are still known", &metrics.finals),
            ("outbox", "Events that were not delivered", &metrics.outbox),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            ("shed", "Orders turned away for lack of a place", &metrics.shed),
            ("retries", "Calls that were made again", &metrics.retries),
            ("disk_failures", "Batches that the disk refused", &metrics.disk_failures),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let each = Party::ALL.iter().zip(&metrics.breakers).flat_map(|(party, breaker)| {
            let labels = |state| [("dependency", party.name()), ("state", state)];
            breaker.series().map(|(state, gauge)| (labels(state.name()), gauge))
        });
        let help = "1 for the state that the breaker is in";
        registry.register("breaker_state", help, each.collect::<Table<_, _, 2>>());
        (metrics, registry)
    }

    /// Shows what there is.
    pub(super) fn show(&self, ledger: &Ledger) {
        let gauges = [
            (&self.open, ledger.open().len()),
            (&self.finals, ledger.finals()),
            (&self.outbox, ledger.unsent()),
        ];
        for (gauge, count) in gauges {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
