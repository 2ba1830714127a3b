//! Percentiles as exact order statistics.
//!
//! The definition is the nearest-rank method: the p-th percentile of n values is the
//! `ceil(p / 100 * n)`-th smallest of them, so it is always a value that was observed and never
//! one between two (method 1 of Hyndman and Fan, *Sample Quantiles in Statistical Packages*,
//! The American Statistician 50, 1996; <https://en.wikipedia.org/wiki/Percentile>). The rank is
//! computed in integers: in floating point `ceil(0.07 * 100)` is 8.

use std::fmt;

/// How many units a percent has.
const UNIT: f64 = 1e6;

/// Which percentile: above 0, at most 100, in steps of a millionth of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentile(u32);

/// A number that is no percentile.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("expected a percentile above 0 and at most 100, found {0}")]
pub struct InvalidPercentile(pub f64);

impl Percentile {
    /// The median.
    pub const P50: Self = Self(50_000_000);
    /// 95 of a hundred are at most this.
    pub const P95: Self = Self(95_000_000);
    /// 99 of a hundred are at most this.
    pub const P99: Self = Self(99_000_000);
    /// The maximum.
    pub const MAX: Self = Self(100_000_000);

    /// The percentile `percent`, from above 0 up to 100.
    ///
    /// # Errors
    ///
    /// When `percent` is not in that range, or smaller than a millionth.
    pub fn new(percent: f64) -> Result<Self, InvalidPercentile> {
        let units = (percent * UNIT).round();
        if !(1.0..=100.0 * UNIT).contains(&units) || percent > 100.0 {
            return Err(InvalidPercentile(percent));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number from 1 to a hundred million"
        )]
        Ok(Self(units as u32))
    }

    /// Its rank among `count` values, from 1; `None` when there are none.
    #[must_use]
    pub fn rank(self, count: usize) -> Option<usize> {
        let whole = u128::from(Self::MAX.0);
        let rank = (u128::from(self.0) * count as u128).div_ceil(whole);
        usize::try_from(rank).ok().filter(|rank| *rank > 0)
    }

    /// This percentile of `values`, which are reordered; `None` when there are none.
    pub fn select(self, values: &mut [u64]) -> Option<u64> {
        let rank = self.rank(values.len())?;
        Some(*values.select_nth_unstable(rank - 1).1)
    }

    /// This percentile of values that are in ascending order; `None` when there are none.
    #[must_use]
    pub fn of_sorted(self, values: &[u64]) -> Option<u64> {
        self.rank(values.len()).map(|rank| values[rank - 1])
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", f64::from(self.0) / UNIT)
    }
}

#[cfg(test)]
mod tests {
    use super::Percentile;

    fn p(percent: f64) -> Percentile {
        Percentile::new(percent).expect("a percentile")
    }

    #[track_caller]
    fn check(values: &[u64], percent: f64, expected: u64) {
        assert_eq!(p(percent).of_sorted(values), Some(expected), "p{percent} of {values:?}");
        let mut shuffled: Vec<u64> = values.iter().rev().copied().collect();
        assert_eq!(p(percent).select(&mut shuffled), Some(expected), "p{percent}, selected");
    }

    /// The worked examples of <https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method>.
    #[test]
    fn published_examples() {
        let five = [15, 20, 35, 40, 50];
        for (percent, expected) in [(5.0, 15), (30.0, 20), (40.0, 20), (50.0, 35), (100.0, 50)] {
            check(&five, percent, expected);
        }
        let ten = [3, 6, 7, 8, 8, 10, 13, 15, 16, 20];
        for (percent, expected) in [(25.0, 7), (50.0, 8), (75.0, 15), (100.0, 20)] {
            check(&ten, percent, expected);
        }
        let eleven = [3, 6, 7, 8, 8, 9, 10, 13, 15, 16, 20];
        for (percent, expected) in [(25.0, 7), (50.0, 9), (75.0, 15), (100.0, 20)] {
            check(&eleven, percent, expected);
        }
    }

    #[test]
    fn ranks_do_not_suffer_from_floating_point() {
        for (percent, count, rank) in [
            (99.0, 100, 99),
            (7.0, 100, 7), // 0.07 * 100.0 is a little more than 7
            (28.0, 100, 28),
            (55.0, 100, 55),
            (99.9, 1000, 999),
            (99.99, 10_000, 9_999),
            (99.999, 100_000, 99_999),
            (0.1, 1000, 1),
            (99.0, 1, 1),
            (99.0, 101, 100),
        ] {
            assert_eq!(p(percent).rank(count), Some(rank), "p{percent} of {count}");
        }
    }

    /// The definition itself: the least value that at least p percent of the values do not exceed.
    #[test]
    fn agrees_with_the_definition_by_counting() {
        let mut state = 7_u64;
        for count in 1..=120_u64 {
            let values: Vec<u64> = (0..count)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 33) % 50
                })
                .collect();
            for percent in [1_u64, 7, 25, 50, 90, 95, 99, 100] {
                let reaches = |candidate: u64| {
                    let below = values.iter().filter(|value| **value <= candidate).count() as u64;
                    below * 100 >= percent * count
                };
                let expected = (0..50).find(|candidate| reaches(*candidate));
                #[expect(clippy::cast_precision_loss, reason = "at most 100")]
                let found = p(percent as f64).select(&mut values.clone());
                assert_eq!(found, expected, "p{percent} of {values:?}");
            }
        }
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Percentile::P99.of_sorted(&[]), None);
        assert_eq!(Percentile::P99.select(&mut []), None);
    }

    #[test]
    fn refuses_what_is_no_percentile() {
        for percent in [0.0, -1.0, 100.000_000_1, 101.0, f64::NAN, f64::INFINITY, 1e-9] {
            let error = Percentile::new(percent).expect_err("no percentile").to_string();
            assert_eq!(
                error,
                format!("expected a percentile above 0 and at most 100, found {percent}")
            );
        }
    }

    #[test]
    fn is_shown_as_engineers_write_it() {
        assert_eq!(Percentile::P99.to_string(), "p99");
        assert_eq!(p(99.9).to_string(), "p99.9");
        assert_eq!(p(99.99).to_string(), "p99.99");
    }
}
