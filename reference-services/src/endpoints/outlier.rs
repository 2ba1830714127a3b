//! Whether an endpoint is left out for a while, judged by what became of what was sent to it.
//!
//! Two rules, as Envoy's outlier detection has them: failures in a row, which find out about one that
//! fails always within a few calls, and the share of failures in a window, for one that fails now and
//! then, where a single success would break any row. The time is an argument throughout.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{config::Invalid, window::Window};

/// Ten times as long is long enough, and then it gets another chance.
const TIMES_MAX: u32 = 10;

/// When an endpoint is left out for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OutlierConfig {
    /// Failures in a row that eject it. Default 5.
    pub failures: u32,
    /// Share of failures in the window that ejects it, in percent; 0 for no such rule. Default 0.
    pub failure_percent: u32,
    /// How far back that share looks. Default 1000.
    pub window_ms: u64,
    /// With fewer answers in the window the share is not judged. Default 20.
    pub calls_min: u32,
    /// For how long, times how often it was ejected, up to ten; once it has been back for as long as
    /// it was left out, that is forgotten. Default 5000.
    pub ejected_ms: u64,
    /// Share of the endpoints that may be ejected at once; one may always be, all never. Default
    /// 50.
    pub percent_max: u32,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            failures: 5,
            failure_percent: 0,
            window_ms: 1_000,
            calls_min: 20,
            ejected_ms: 5_000,
            percent_max: 50,
        }
    }
}

impl OutlierConfig {
    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("outlier.failures", u64::from(self.failures)),
            ("outlier.calls_min", u64::from(self.calls_min)),
            ("outlier.ejected_ms", self.ejected_ms),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let window = self.window_ms;
        Invalid::unless(window >= 10, "outlier.window_ms", "at least 10", window)?;
        let percents = [
            ("outlier.failure_percent", self.failure_percent),
            ("outlier.percent_max", self.percent_max),
        ];
        for (field, percent) in percents {
            Invalid::unless(percent <= 100, field, "0 to 100", percent)?;
        }
        Ok(())
    }
}

/// May one more of `endpoints` be ejected, when `ejected` are already?
pub(crate) fn may_eject(ejected: usize, endpoints: usize, config: &OutlierConfig) -> bool {
    let share = (endpoints * config.percent_max as usize / 100).max(1);
    ejected < share.min(endpoints.saturating_sub(1))
}

/// What is known of one endpoint's failures.
#[derive(Debug, Default)]
pub(crate) struct Outlier {
    in_a_row: u32,
    /// There is one if the share of failures is looked at.
    window: Option<Window>,
    times: u32,
    ejected_until: Option<Instant>,
}

impl Outlier {
    /// Does it get nothing at `now`?
    pub(crate) fn is_ejected(&self, now: Instant) -> bool {
        self.ejected_until.is_some_and(|until| now < until)
    }

    /// When it was, or will be, let in again.
    pub(crate) fn ejected_until(&self) -> Option<Instant> {
        self.ejected_until
    }

    pub(crate) fn succeeded(&mut self, config: &OutlierConfig, now: Instant) {
        self.in_a_row = 0;
        self.count(config, now, false);
        if self.ejected_until.is_some_and(|until| now >= until + self.time(config)) {
            self.times = 0;
        }
    }

    /// One more failure; says whether that is one too many.
    pub(crate) fn failed(&mut self, config: &OutlierConfig, now: Instant) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let (calls, failures) = self.count(config, now, true);
        let share = u64::from(calls) * u64::from(config.failure_percent);
        self.in_a_row >= config.failures
            || calls >= config.calls_min && u64::from(failures) * 100 >= share
    }

    /// Leaves it out, the longer the more often; returns for how long.
    pub(crate) fn eject(&mut self, config: &OutlierConfig, now: Instant) -> Duration {
        self.times = (self.times + 1).min(TIMES_MAX);
        self.in_a_row = 0;
        self.window = None;
        let time = self.time(config);
        self.ejected_until = Some(now + time);
        time
    }

    fn time(&self, config: &OutlierConfig) -> Duration {
        Duration::from_millis(config.ejected_ms).saturating_mul(self.times)
    }

    /// Counts for the share of failures; returns calls and failures of the window, none if nobody
    /// asks for the share.
    fn count(&mut self, config: &OutlierConfig, now: Instant, failed: bool) -> (u32, u32) {
        if config.failure_percent == 0 {
            return (0, 0);
        }
        let length = Duration::from_millis(config.window_ms);
        let window = self.window.get_or_insert_with(|| Window::new(length, now));
        window.count(now, failed);
        window.totals()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config() -> OutlierConfig {
        OutlierConfig { failures: 2, ejected_ms: 1000, ..OutlierConfig::default() }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn failures_in_a_row_are_too_many() {
        let (mut outlier, now) = (Outlier::default(), Instant::now());
        assert!(!outlier.failed(&config(), now));
        outlier.succeeded(&config(), now);
        assert!(!outlier.failed(&config(), now), "they were not in a row");
        assert!(outlier.failed(&config(), now));
    }

    #[test]
    fn a_share_of_failures_is_too_much_in_any_order() {
        let config = OutlierConfig { failures: 100, failure_percent: 50, ..config() };
        let (mut outlier, now) = (Outlier::default(), Instant::now());
        for call in 0..18 {
            outlier.succeeded(&config, now);
            assert!(call >= 9 || !outlier.failed(&config, now), "too few calls");
        }
        let failures = (0..20).take_while(|_| !outlier.failed(&config, now)).count();
        assert_eq!(failures, 8, "the eighteenth failure beside eighteen successes is one too many");
        let later = now + ms(5_000);
        assert!(!outlier.failed(&config, later), "that was long ago");
    }

    #[test]
    fn each_time_it_is_left_out_for_longer_until_it_has_been_back_for_as_long() {
        let mut outlier = Outlier::default();
        let now = Instant::now();
        assert!(!outlier.is_ejected(now));
        assert_eq!(outlier.eject(&config(), now), ms(1000));
        assert!(outlier.is_ejected(now + ms(999)));
        assert!(!outlier.is_ejected(now + ms(1000)));
        outlier.succeeded(&config(), now + ms(1500));
        let again = now + ms(1600);
        assert_eq!(outlier.eject(&config(), again), ms(2000), "it was not back for long");
        outlier.succeeded(&config(), again + ms(4000));
        assert_eq!(outlier.eject(&config(), again + ms(4001)), ms(1000));
    }

    #[test]
    fn never_longer_than_ten_times() {
        let (mut outlier, now) = (Outlier::default(), Instant::now());
        let longest = (0..20).map(|_| outlier.eject(&config(), now)).max();
        assert_eq!(longest, Some(ms(10_000)));
    }

    proptest! {
        #[test]
        fn one_may_be_ejected_and_never_all(endpoints in 0_usize..50, percent_max in 0_u32..=100) {
            let config = OutlierConfig { percent_max, ..config() };
            let ejected = (0..endpoints).take_while(|&it| may_eject(it, endpoints, &config)).count();
            prop_assert!(endpoints == 0 || ejected < endpoints);
            prop_assert!(endpoints < 2 || ejected >= 1);
            prop_assert!(ejected <= (endpoints * percent_max as usize / 100).max(1));
        }

        #[test]
        fn a_row_ejects_whatever_came_before(
            before in proptest::collection::vec(any::<bool>(), 0..60),
        ) {
            let (mut outlier, now) = (Outlier::default(), Instant::now());
            for success in before {
                if success {
                    outlier.succeeded(&config(), now);
                } else {
                    outlier.failed(&config(), now);
                }
            }
            outlier.failed(&config(), now);
            prop_assert!(outlier.failed(&config(), now));
        }
    }
}
