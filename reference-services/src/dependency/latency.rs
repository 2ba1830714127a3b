//! How long a dependency takes to answer.

use std::time::Duration;

use rand::Rng;
use rand_distr::{Distribution, Normal, Pareto, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// A distribution of latencies, in milliseconds; never negative, never above its cap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Latency {
    /// Always the same.
    Constant {
        /// The latency.
        ms: f64,
    },
    /// Any latency in a range is as likely.
    Uniform {
        /// The shortest.
        min_ms: f64,
        /// The longest.
        max_ms: f64,
    },
    /// Around a mean; what would be negative is nothing.
    Normal {
        /// The mean.
        mean_ms: f64,
        /// The standard deviation.
        deviation_ms: f64,
        /// The longest.
        cap_ms: f64,
    },
    /// Skewed to the right, as services are.
    LogNormal {
        /// Half are shorter.
        median_ms: f64,
        /// The standard deviation of the logarithm; p99 is the median times e^(2.33 sigma).
        sigma: f64,
        /// The longest.
        cap_ms: f64,
    },
    /// A heavy tail.
    Pareto {
        /// The shortest.
        min_ms: f64,
        /// The exponent of the tail: the smaller, the heavier.
        alpha: f64,
        /// The longest.
        cap_ms: f64,
    },
}

impl Latency {
    /// Draws one.
    pub fn sample(&self, rng: &mut impl Rng) -> Duration {
        let (ms, cap) = match *self {
            Self::Constant { ms } => (ms, ms),
            Self::Uniform { min_ms, max_ms } => (rng.random_range(min_ms..=max_ms), max_ms),
            Self::Normal { mean_ms, deviation_ms, cap_ms } => {
                // Only a deviation that is not finite is an error, and `validate` refuses it.
                (Normal::new(mean_ms, deviation_ms).map_or(mean_ms, |it| it.sample(rng)), cap_ms)
            }
            Self::LogNormal { median_ms, sigma, cap_ms } => {
                let deviation: f64 = rng.sample(StandardNormal);
                (median_ms * (sigma * deviation).exp(), cap_ms)
            }
            Self::Pareto { min_ms, alpha, cap_ms } => {
                (Pareto::new(min_ms, alpha).map_or(min_ms, |it| it.sample(rng)), cap_ms)
            }
        };
        Duration::from_secs_f64(ms.clamp(0.0, cap) / 1000.0)
    }

    /// Checks that every parameter is a number in its range.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let (parameters, holds) = match *self {
            Self::Constant { ms } => ([ms, 0.0, 0.0], true),
            Self::Uniform { min_ms, max_ms } => ([min_ms, max_ms, 0.0], min_ms <= max_ms),
            Self::Normal { mean_ms, deviation_ms, cap_ms } => {
                ([mean_ms, deviation_ms, cap_ms], true)
            }
            Self::LogNormal { median_ms, sigma, cap_ms } => ([median_ms, sigma, cap_ms], true),
            Self::Pareto { min_ms, alpha, cap_ms } => {
                ([min_ms, alpha, cap_ms], min_ms > 0.0 && alpha > 0.0)
            }
        };
        // A day is more than any service may take, and keeps the arithmetic in range.
        let in_range = parameters.iter().all(|value| (0.0..=86_400_000.0).contains(value));
        let expected = "parameters from 0 to 86400000, a minimum not above its maximum, and more \
                        than 0 for Pareto";
        Invalid::unless(in_range && holds, "latency", expected, format!("{self:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(latency: Latency) -> f64 {
        latency.validate().expect("valid");
        let mut samples: Vec<_> =
            (0..2001).map(|_| latency.sample(&mut rand::rng()).as_secs_f64() * 1000.0).collect();
        samples.sort_by(f64::total_cmp);
        samples[1000]
    }

    #[track_caller]
    fn check(latency: Latency, expected: f64, tolerance: f64) {
        let median = median(latency);
        assert!((median - expected).abs() <= tolerance, "{latency:?}: median {median}");
    }

    #[test]
    fn medians_are_where_they_should_be() {
        check(Latency::Constant { ms: 7.0 }, 7.0, 1e-9);
        check(Latency::Uniform { min_ms: 10.0, max_ms: 20.0 }, 15.0, 1.0);
        check(Latency::Normal { mean_ms: 10.0, deviation_ms: 2.0, cap_ms: 50.0 }, 10.0, 0.5);
        check(Latency::LogNormal { median_ms: 12.0, sigma: 0.3, cap_ms: 100.0 }, 12.0, 1.0);
        check(Latency::Pareto { min_ms: 10.0, alpha: 2.0, cap_ms: 100.0 }, 14.14, 1.0);
    }

    #[test]
    fn nothing_is_above_the_cap() {
        check(Latency::LogNormal { median_ms: 50.0, sigma: 0.3, cap_ms: 5.0 }, 5.0, 1e-9);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Latency::Constant { ms: -1.0 }.validate().is_err());
        assert!(Latency::Constant { ms: f64::NAN }.validate().is_err());
        assert!(Latency::Uniform { min_ms: 2.0, max_ms: 1.0 }.validate().is_err());
        assert!(Latency::Pareto { min_ms: 0.0, alpha: 1.0, cap_ms: 1.0 }.validate().is_err());
    }
}
