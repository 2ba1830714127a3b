//! How much an endpoint weighs that was away: little at first, then more, so that it can fill its
//! caches and pools before it has all of its share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// How an endpoint that is back gets its share again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SlowStartConfig {
    /// Time until it weighs as much as any other; 0 for at once. Default 2000.
    pub window_ms: u64,
    /// The least that it weighs, in percent. Default 10.
    pub weight_percent_min: f64,
    /// 1 for a weight that grows evenly; above, it grows faster at first, and below, more slowly.
    /// Default 1.
    pub aggression: f64,
}

impl Default for SlowStartConfig {
    fn default() -> Self {
        Self { window_ms: 2_000, weight_percent_min: 10.0, aggression: 1.0 }
    }
}

impl SlowStartConfig {
    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let (field, percent) = ("slow_start.weight_percent_min", self.weight_percent_min);
        Invalid::unless((0.1..=100.0).contains(&percent), field, "0.1 to 100", percent)?;
        let aggression = self.aggression;
        let in_range = (0.1..=10.0).contains(&aggression);
        Invalid::unless(in_range, "slow_start.aggression", "0.1 to 10", aggression)
    }

    /// The weight of an endpoint that has been back for `time`, above 0 and at most 1.
    ///
    /// Envoy's formula: the larger one of the least weight and the part of the window that is over,
    /// to the power of 1 / aggression (architecture overview, "Slow start mode"). Envoy counts the
    /// first second as over from the start; here time counts as it is.
    pub(crate) fn weight(&self, time: Duration) -> f64 {
        let window = Duration::from_millis(self.window_ms);
        if time >= window {
            return 1.0;
        }
        let over = time.as_secs_f64() / window.as_secs_f64();
        over.powf(1.0 / self.aggression).clamp(self.weight_percent_min / 100.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(aggression: f64, after_ms: u64, expected: f64) {
        let config = SlowStartConfig { aggression, ..SlowStartConfig::default() };
        let weight = config.weight(Duration::from_millis(after_ms));
        assert!((weight - expected).abs() < 1e-9, "{weight} after {after_ms} ms");
    }

    #[test]
    fn it_grows_over_the_window() {
        check(1.0, 0, 0.1);
        check(1.0, 200, 0.1);
        check(1.0, 500, 0.25);
        check(1.0, 1000, 0.5);
        check(2.0, 500, 0.5);
        check(0.5, 1000, 0.25);
        check(1.0, 2000, 1.0);
        check(1.0, 1_000_000, 1.0);
    }

    #[test]
    fn no_window_is_no_slow_start() {
        let config = SlowStartConfig { window_ms: 0, ..SlowStartConfig::default() };
        assert!((config.weight(Duration::ZERO) - 1.0).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn it_never_shrinks_and_keeps_its_bounds(
            window_ms in 0_u64..10_000,
            weight_percent_min in 0.1_f64..=100.0,
            aggression in 0.1_f64..=10.0,
            (earlier, later) in (0_u64..20_000, 0_u64..20_000),
        ) {
            let config = SlowStartConfig { window_ms, weight_percent_min, aggression };
            config.validate().expect("valid");
            let [first, second] = [earlier.min(later), earlier.max(later)]
                .map(|ms| config.weight(Duration::from_millis(ms)));
            prop_assert!(first <= second);
            prop_assert!(first >= weight_percent_min / 100.0 && second <= 1.0);
        }
    }
}
