//! How one of several endpoints stands: whether it is well by its own word, whether it is left out for
//! its failures, and how much it weighs since it is back. The time is an argument throughout.
//!
//! The breaker of a dependency and this do not ask each other. The breaker judges the dependency as a
//! whole, by all calls to all of its endpoints, and keeps the caller from waiting for what is down.
//! This judges an endpoint beside its peers, on a few calls, so that the others answer in its place
//! before the breaker has seen enough. What no peer can make good (all of them fail, or too few are
//! left, since only a share may be ejected) is left to the breaker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    config::Invalid,
    endpoints::{Outlier, OutlierConfig, SlowStartConfig},
};

/// How the endpoints of a dependency that has several are asked for their health
/// (`grpc.health.v1.Health/Check`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthConfig {
    /// Time from one answer to the next question. Default 250.
    pub interval_ms: u64,
    /// Time for an answer. Default 100.
    pub timeout_ms: u64,
    /// Questions in a row without an answer after which an endpoint gets no calls. One that says that it
    /// is not serving gets none at once. Default 2.
    pub unhealthy_after: u32,
    /// Good answers in a row after which it gets calls again; the first one of all is enough.
    /// Default 2.
    pub healthy_after: u32,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self { interval_ms: 250, timeout_ms: 100, unhealthy_after: 2, healthy_after: 2 }
    }
}

impl HealthConfig {
    /// Checks what the types cannot.
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("health.interval_ms", self.interval_ms),
            ("health.timeout_ms", self.timeout_ms),
            ("health.unhealthy_after", u64::from(self.unhealthy_after)),
            ("health.healthy_after", u64::from(self.healthy_after)),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        Ok(())
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// What came of the question whether an endpoint is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Serving,
    NotServing,
    NoAnswer,
}

/// How an endpoint stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) outlier: Outlier,
    /// Since when it is well; not at all until it has said so.
    healthy_since: Option<Instant>,
    /// Has it ever said that it is?
    known: bool,
    /// Checks in a row that speak against what it is taken for.
    against: u32,
}

impl Standing {
    /// Takes note of a check, and says whether the endpoint is well from now on, if that has changed.
    pub(super) fn checked(
        &mut self,
        check: Check,
        config: &HealthConfig,
        now: Instant,
    ) -> Option<bool> {
        let serving = check == Check::Serving;
        if serving == self.is_healthy() {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let enough = match check {
            Check::Serving => !self.known || self.against >= config.healthy_after,
            Check::NotServing => true,
            Check::NoAnswer => self.against >= config.unhealthy_after,
        };
        if !enough {
            return None;
        }
        self.known |= serving;
        self.against = 0;
        self.healthy_since = serving.then_some(now);
        Some(serving)
    }

    /// Is it well by its own word?
    pub(super) fn is_healthy(&self) -> bool {
        self.healthy_since.is_some()
    }

    /// Is it well, and not left out?
    pub(super) fn is_well(&self, now: Instant) -> bool {
        self.is_healthy() && !self.outlier.is_ejected(now)
    }

    /// How much it weighs, by the time that it has been back: since it is healthy, or since it was let
    /// in again.
    pub(super) fn weight(&self, config: &SlowStartConfig, now: Instant) -> f64 {
        let back = self.healthy_since.max(self.outlier.ejected_until());
        back.map_or(1.0, |back| config.weight(now.saturating_duration_since(back)))
    }

    /// A call failed; says whether that is one too many. What was under way when the endpoint was
    /// ejected says nothing new.
    pub(super) fn failed(&mut self, config: &OutlierConfig, now: Instant) -> bool {
        !self.outlier.is_ejected(now) && self.outlier.failed(config, now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn checked(checks: &[Check]) -> (Standing, Vec<Option<bool>>) {
        let (mut standing, config) = (Standing::default(), HealthConfig::default());
        let now = Instant::now();
        let seen = checks.iter().map(|&check| standing.checked(check, &config, now)).collect();
        (standing, seen)
    }

    #[test]
    fn it_is_well_once_it_has_said_so() {
        use Check::{NoAnswer, NotServing, Serving};
        assert!(!checked(&[]).0.is_healthy());
        assert_eq!(checked(&[NoAnswer, Serving]).1, [None, Some(true)]);
        let unwell = [Serving, NoAnswer, Serving, NoAnswer, NoAnswer, NoAnswer];
        assert_eq!(checked(&unwell).1, [Some(true), None, None, None, Some(false), None]);
        let says_so = [Serving, NotServing, Serving, NoAnswer, Serving, Serving];
        assert_eq!(checked(&says_so).1, [Some(true), Some(false), None, None, None, Some(true)]);
    }

    #[test]
    fn its_weight_grows_from_the_last_time_that_it_came_back() {
        let now = Instant::now();
        let (health, slow) = (HealthConfig::default(), SlowStartConfig::default());
        let outlier = OutlierConfig::default();
        let mut standing = Standing::default();
        standing.checked(Check::Serving, &health, now);
        let weighs = |standing: &Standing, at, expected: f64| {
            let weight = standing.weight(&slow, now + ms(at));
            assert!((weight - expected).abs() < 1e-9, "{weight} after {at} ms");
        };
        weighs(&standing, 1000, 0.5);
        weighs(&standing, 2000, 1.0);
        standing.outlier.eject(&outlier, now + ms(2000));
        assert!(!standing.is_well(now + ms(6999)));
        assert!(standing.is_well(now + ms(7000)));
        weighs(&standing, 7000, 0.1);
        weighs(&standing, 8000, 0.5);
        weighs(&standing, 9000, 1.0);
    }

    #[test]
    fn what_fails_while_it_is_ejected_counts_for_nothing() {
        let now = Instant::now();
        let config = OutlierConfig { failures: 2, ..OutlierConfig::default() };
        let mut standing = Standing::default();
        assert!(!standing.failed(&config, now));
        assert!(standing.failed(&config, now));
        standing.outlier.eject(&config, now);
        assert!((0..10).all(|_| !standing.failed(&config, now)));
        assert!(!standing.failed(&config, now + ms(5000)), "the first one since it is back");
    }

    fn any_check() -> impl Strategy<Value = Check> {
        prop_oneof![Just(Check::Serving), Just(Check::NotServing), Just(Check::NoAnswer)]
    }

    proptest! {
        #[test]
        fn what_is_said_often_enough_is_believed(
            before in proptest::collection::vec(any_check(), 0..40),
            last in any_check(),
        ) {
            let last = [last, last];
            let (standing, seen) = checked(&[&before[..], &last].concat());
            prop_assert_eq!(standing.is_healthy(), last[0] == Check::Serving);
            let told: Vec<bool> = seen.into_iter().flatten().collect();
            prop_assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "told twice: {told:?}");
        }
    }
}
