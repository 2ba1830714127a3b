//! Pauses between the attempts of a job, or of a step of an order: exponential, with decorrelated jitter.
//!
//! `sleep = min(cap, random_between(base, sleep * 3))`, from Marc Brooker, "Exponential Backoff
//! And Jitter", AWS Architecture Blog, 2015. Each pause depends on the one before and not on a count
//! of attempts.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// When what has failed is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackoffConfig {
    /// The shortest pause. Default 500.
    pub base_ms: u64,
    /// The longest pause. Default 30000.
    pub cap_ms: u64,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { base_ms: 500, cap_ms: 30_000 }
    }
}

impl BackoffConfig {
    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let Self { base_ms, cap_ms } = *self;
        let expected = format!("1 to backoff.cap_ms ({cap_ms})");
        Invalid::unless((1..=cap_ms).contains(&base_ms), "backoff.base_ms", expected, base_ms)?;
        let day = 86_400_000;
        Invalid::unless(cap_ms <= day, "backoff.cap_ms", "at most 86400000", cap_ms)
    }
}

/// The pause after one of `last`; after none if that is zero.
pub(crate) fn pause(config: &BackoffConfig, last: Duration, rng: &mut impl Rng) -> Duration {
    let last_ms = u64::try_from(last.as_millis()).unwrap_or(u64::MAX);
    let most = last_ms.max(config.base_ms).saturating_mul(3).min(config.cap_ms);
    // The cap is not below the base.
    Duration::from_millis(rng.random_range(config.base_ms..=most.max(config.base_ms)))
}

/// The pause after one of `last`, doubled and not drawn: how it is not done.
pub(crate) fn doubled(config: &BackoffConfig, last: Duration) -> Duration {
    let last_ms = u64::try_from(last.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(last_ms.saturating_mul(2).clamp(config.base_ms, config.cap_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BackoffConfig = BackoffConfig { base_ms: 100, cap_ms: 2_000 };

    #[test]
    fn pauses_are_between_the_base_and_three_times_the_last_one() {
        let mut rng = rand::rng();
        let mut last = Duration::ZERO;
        for _ in 0..1_000 {
            let next = pause(&CONFIG, last, &mut rng);
            let most = (last.max(Duration::from_millis(100)) * 3).min(Duration::from_millis(2_000));
            assert!((Duration::from_millis(100)..=most).contains(&next), "{next:?} after {last:?}");
            last = next;
        }
    }

    #[test]
    fn the_longest_last_pause_is_no_trouble() {
        let next = pause(&CONFIG, Duration::MAX, &mut rand::rng());
        assert!(next <= Duration::from_millis(2_000));
    }
}
