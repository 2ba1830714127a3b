//! Numbers as the judge counts with them, and how far one is from its bound.

use std::time::Duration;

/// How far `observed` stays below `bound`, as a fraction of it.
pub(super) fn margin_below(observed: f64, bound: f64) -> Option<f64> {
    (bound > 0.0).then(|| (bound - observed) / bound).filter(|margin| margin.is_finite())
}

/// How far `observed` stays above `bound`, as a fraction of it.
pub(super) fn margin_above(observed: f64, bound: f64) -> Option<f64> {
    (bound > 0.0).then(|| (observed - bound) / bound).filter(|margin| margin.is_finite())
}

/// A count or a time as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
pub(super) fn real(value: u64) -> f64 {
    value as f64
}

/// Nanoseconds of a duration that a person wrote.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
