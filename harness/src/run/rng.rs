//! Random streams, one for each concern.
//!
//! A stream depends on the seed of the run and on its own name, so that one more draw in one
//! place changes nothing in any other.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Normal, Pareto};

use crate::plan::{Latency, nanos};

/// The stream of `seed` for the concern with this name.
pub(crate) fn stream(seed: u64, concern: &str) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed ^ fnv1a(concern.as_bytes()))
}

/// FNV-1a, 64 bits: a hash that is the same everywhere and always.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One draw from a latency distribution, in nanoseconds, at most an hour.
pub(crate) fn draw(latency: &Latency, rng: &mut ChaCha8Rng) -> u64 {
    let seconds = match *latency {
        Latency::Constant { value } => return nanos(value),
        Latency::Uniform { min, max } => return rng.random_range(nanos(min)..=nanos(max)),
        Latency::Normal { mean, deviation } => {
            Normal::new(mean.as_secs_f64(), deviation.as_secs_f64())
                .map_or(mean.as_secs_f64(), |normal| normal.sample(rng))
        }
        Latency::LogNormal { median, sigma } => {
            LogNormal::new(median.as_secs_f64().max(f64::MIN_POSITIVE).ln(), sigma)
                .map_or(median.as_secs_f64(), |normal| normal.sample(rng))
        }
        Latency::Pareto { min, shape } => {
            Pareto::new(min.as_secs_f64().max(f64::MIN_POSITIVE), shape)
                .map_or(min.as_secs_f64(), |pareto| pareto.sample(rng))
        }
    };
    nanos(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0)))
}

/// Between zero and `most`.
pub(crate) fn up_to(most: Duration, rng: &mut ChaCha8Rng) -> u64 {
    if most.is_zero() { 0 } else { rng.random_range(0..=nanos(most)) }
}

/// True in this share of the calls. Draws nothing when it cannot matter.
pub(crate) fn chance(rate: f64, rng: &mut ChaCha8Rng) -> bool {
    rate > 0.0 && (rate >= 1.0 || rng.random_bool(rate))
}

/// A seed for the concern with this name, for what takes a seed and not a stream.
pub(crate) fn seed(seed: u64, concern: &str) -> u64 {
    stream(seed, concern).random()
}
