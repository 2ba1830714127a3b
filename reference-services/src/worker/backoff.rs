//! Pauses between the attempts of a job: exponential, with decorrelated jitter.
//!
//! `sleep = min(cap, random_between(base, sleep * 3))`, from Marc Brooker, "Exponential Backoff
//! And Jitter", AWS Architecture Blog, 2015. Each pause depends on the one before, which the
//! broker remembers with the job, and not on a count of attempts.

use std::time::Duration;

use rand::Rng;

use super::config::BackoffConfig;

/// The pause after one of `last`; after none if that is zero.
pub(super) fn pause(config: &BackoffConfig, last: Duration, rng: &mut impl Rng) -> Duration {
    let last_ms = u64::try_from(last.as_millis()).unwrap_or(u64::MAX);
    let most = last_ms.max(config.base_ms).saturating_mul(3).min(config.cap_ms);
    // The cap is not below the base.
    Duration::from_millis(rng.random_range(config.base_ms..=most.max(config.base_ms)))
}

/// The pause after one of `last`, doubled and not drawn: how it is not done.
pub(super) fn doubled(config: &BackoffConfig, last: Duration) -> Duration {
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
