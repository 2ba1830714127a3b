//! The part of the processors that a slow process is left with, as a quota of the kernel's.

use std::{num::NonZero, thread};

/// In microseconds: so often a process gets its quota again. Short, so that what is slow is slow all
/// the time and does not stand still for long.
pub(in crate::backend) const PERIOD_US: i64 = 10_000;

/// The kernel takes no smaller quota.
const QUOTA_LEAST_US: f64 = 1_000.0;

/// The microseconds of each period that are `1 / factor` of what a process has by itself: `cores`
/// processors, or all of this machine if those are fewer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "as many microseconds as a few processors have in a period"
)]
pub(in crate::backend) fn quota_us(cores: u16, factor: f64) -> i64 {
    let there = thread::available_parallelism().map_or(1, NonZero::get);
    let cores = f64::from(cores).min(there as f64);
    (PERIOD_US as f64 * cores / factor).max(QUOTA_LEAST_US).round() as i64
}

#[cfg(test)]
mod tests {
    use super::quota_us;

    #[test]
    fn a_quota_is_a_part_of_what_there_is_and_never_nothing() {
        assert_eq!(quota_us(1, 4.0), 2_500);
        assert_eq!(quota_us(u16::MAX, 1.0) % 10_000, 0, "all processors of this machine");
        assert_eq!(quota_us(1, 1e6), 1_000);
    }
}
