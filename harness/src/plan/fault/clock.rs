//! The faults of the clocks of a host.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FaultKind;

/// Clocks are off by up to a year, and not by zero.
const MOST_MS: u64 = 365 * 24 * 3_600 * 1_000;

/// How the clocks of a host are wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClockFault {
    /// The wall clock comes to be off, and right again, without a step.
    Skew {
        /// By this in milliseconds: ahead if positive, behind if negative.
        by_ms: i64,
    },
    /// The wall clock jumps, and jumps back at the heal.
    Jump {
        /// By this in milliseconds: ahead if positive, back if negative.
        by_ms: i64,
    },
    /// The clocks run faster or slower, and timers with them.
    Drift {
        /// By which share: faster if positive, slower if negative.
        rate: f64,
    },
}

impl From<ClockFault> for FaultKind {
    fn from(fault: ClockFault) -> Self {
        Self::Clock(fault)
    }
}

impl ClockFault {
    /// The fault's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Skew { .. } => "clock_skew",
            Self::Jump { .. } => "clock_jump",
            Self::Drift { .. } => "clock_drift",
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Skew { .. } | Self::Jump { .. } | Self::Drift { .. } => {
                "wrong readings of clocks"
            }
        }
    }

    /// The attributes, for people.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::Skew { by_ms } | Self::Jump { by_ms } => format!("{by_ms:+} ms"),
            Self::Drift { rate } => format!("{:+} %", (rate * 1e8).round() / 1e6),
        }
    }

    /// What is wrong with the attributes of a fault that acts for so long.
    pub(super) fn check(&self, acts: Duration) -> Option<String> {
        match self {
            Self::Skew { by_ms } => check_skew(*by_ms, acts).or_else(|| check_offset(*by_ms)),
            Self::Jump { by_ms } => check_offset(*by_ms),
            Self::Drift { rate } if !((-0.5..=1.0).contains(rate) && *rate != 0.0) => {
                Some(format!("expected a share from -0.5 to 1 other than 0, found {rate}"))
            }
            Self::Drift { rate } => (rate.abs() < 1e-9)
                .then(|| format!("expected at least a nanosecond per second, 1e-9, found {rate}")),
        }
    }
}

/// A clock gains or loses half a second per second until it is off.
fn check_skew(by_ms: i64, acts: Duration) -> Option<String> {
    let needed = Duration::from_millis(by_ms.unsigned_abs().saturating_mul(2));
    (needed > acts).then(|| {
        format!(
            "expected a fault of at least {needed:?}, in which a clock comes to be off by {by_ms} \
             ms without a step, found {acts:?}; a clock_jump is there at once"
        )
    })
}

fn check_offset(by_ms: i64) -> Option<String> {
    (by_ms == 0 || by_ms.unsigned_abs() > MOST_MS)
        .then(|| format!("expected a clock off by up to a year and not by zero, found {by_ms} ms"))
}
