//! Whether two sides agree.

use serde::Serialize;

use super::Aspect;
use crate::compare::LEVEL;

/// How far a percentile of latency may be from that of real runs, as a fraction of it.
pub const TOLERANCE: f64 = 0.15;

/// The same in nanoseconds, where that is more: 3 ms.
pub const TOLERANCE_NS: f64 = 3e6;

/// How far a share of requests may be from that of real runs to count as close.
const SHARE_TOLERANCE: f64 = 0.01;

/// Whether a measure of the simulation agrees with that of another side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// It is within the tolerance.
    Close,
    /// It is further off, by no more than runs differ.
    WithinNoise,
    /// It is further off, and there are too few runs to tell whether that is more than they differ.
    TooFewRuns,
    /// No run of one of the two has it.
    Missing,
    /// It is further off, and by more than runs differ.
    Apart,
}

impl Agreement {
    /// What a difference comes to. `p` is how likely so much or more is without one, corrected for
    /// the number of measures; `can_tell` whether that could be small at all.
    pub(super) fn of(
        aspect: Aspect,
        (simulated, real): (f64, f64),
        p: f64,
        can_tell: bool,
    ) -> Self {
        let off = (simulated - real).abs();
        let tolerance = match aspect.is_latency() {
            true => TOLERANCE_NS.max(TOLERANCE * real),
            false => SHARE_TOLERANCE,
        };
        if off <= tolerance {
            Self::Close
        } else if p <= LEVEL {
            Self::Apart
        } else if can_tell {
            Self::WithinNoise
        } else {
            Self::TooFewRuns
        }
    }
}

/// What it all comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Every verdict is the same, and every p50 and p99 close or within noise.
    Close,
    /// There is nothing to compare, something had no data, runs were left out, or there were too few of
    /// them to tell.
    Inconclusive,
    /// A verdict is another one, or a p50 or p99 apart.
    Apart,
}
