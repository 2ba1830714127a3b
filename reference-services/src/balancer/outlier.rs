//! Whether an endpoint is left out for a while, judged by what became of the requests to it.

use std::time::Duration;

use tokio::time::Instant;

use super::OutlierConfig;

/// What is known of one endpoint's failures.
#[derive(Debug, Default)]
pub(super) struct Outlier {
    in_a_row: u32,
    times: u32,
    ejected_until: Option<Instant>,
}

impl Outlier {
    /// Does it get no requests at `now`?
    pub(super) fn is_ejected(&self, now: Instant) -> bool {
        self.ejected_until.is_some_and(|until| now < until)
    }

    pub(super) fn succeeded(&mut self) {
        self.in_a_row = 0;
        self.times = 0;
    }

    /// One more failure; says whether that is one too many.
    pub(super) fn failed(&mut self, config: &OutlierConfig) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.in_a_row >= config.failures
    }

    /// Leaves it out, the longer the more often; returns for how long.
    pub(super) fn eject(&mut self, config: &OutlierConfig, now: Instant) -> Duration {
        // Ten times as long is long enough, and then it gets another chance.
        self.times = (self.times + 1).min(10);
        self.in_a_row = 0;
        let time = Duration::from_millis(config.ejected_ms) * self.times;
        self.ejected_until = Some(now + time);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> OutlierConfig {
        OutlierConfig { failures: 2, ejected_ms: 1000, percent_max: 50 }
    }

    #[test]
    fn failures_in_a_row_are_too_many() {
        let mut outlier = Outlier::default();
        assert!(!outlier.failed(&config()));
        outlier.succeeded();
        assert!(!outlier.failed(&config()), "they were not in a row");
        assert!(outlier.failed(&config()));
    }

    #[test]
    fn each_time_it_is_left_out_for_longer_until_it_succeeds() {
        let mut outlier = Outlier::default();
        let now = Instant::now();
        assert!(!outlier.is_ejected(now));
        assert_eq!(outlier.eject(&config(), now), Duration::from_secs(1));
        assert!(outlier.is_ejected(now + Duration::from_millis(999)));
        assert!(!outlier.is_ejected(now + Duration::from_millis(1000)));
        assert_eq!(outlier.eject(&config(), now), Duration::from_secs(2));
        outlier.succeeded();
        assert_eq!(outlier.eject(&config(), now), Duration::from_secs(1));
    }
}
