//! Numbers as the judge counts with them.

use std::time::Duration;

/// A count or a time as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
pub(super) fn real(value: u64) -> f64 {
    value as f64
}

/// Nanoseconds of a duration that a person wrote.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
