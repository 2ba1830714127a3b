//! Metrics that show where a breaker stands.

use prometheus_client::metrics::gauge::Gauge;

use super::BreakerState;

/// One series for each state, 1 for the one that the breaker is in.
#[derive(Clone, Debug, Default)]
pub(crate) struct BreakerGauge {
    closed: Gauge,
    open: Gauge,
    half_open: Gauge,
}

impl BreakerGauge {
    /// That of a closed breaker.
    pub(crate) fn new() -> Self {
        let gauge = Self::default();
        gauge.show(BreakerState::Closed);
        gauge
    }

    /// Shows `state`.
    pub(super) fn show(&self, state: BreakerState) {
        for (each, gauge) in self.series() {
            gauge.set(i64::from(each == state));
        }
    }

    /// The series, by the state that each is for.
    pub(crate) fn series(&self) -> [(BreakerState, &Gauge); 3] {
        [
            (BreakerState::Closed, &self.closed),
            (BreakerState::Open, &self.open),
            (BreakerState::HalfOpen, &self.half_open),
        ]
    }
}
