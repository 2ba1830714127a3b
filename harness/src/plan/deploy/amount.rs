//! A number of pods, absolute or as a percentage.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of pods (Kubernetes' `IntOrString`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// So many.
    Count(u32),
    /// So many percent of the desired pods.
    Percent(u32),
}

/// So many percent of the desired pods.
pub fn percent(percent: u32) -> Amount {
    Amount::Percent(percent)
}

impl From<u32> for Amount {
    fn from(count: u32) -> Self {
        Self::Count(count)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Amount {
    /// How many of `all` pods, a percentage rounded down.
    #[must_use]
    pub fn floor_of(self, all: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => clamped(u64::from(all) * u64::from(percent) / 100),
        }
    }

    /// How many of `all` pods, a percentage rounded up.
    #[must_use]
    pub fn ceil_of(self, all: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => clamped((u64::from(all) * u64::from(percent)).div_ceil(100)),
        }
    }

    pub(super) fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0))
    }

    pub(super) fn check(self) -> Result<(), String> {
        match self {
            Self::Percent(percent) if percent > 100 => {
                Err(format!("expected a percentage up to 100, found {percent}"))
            }
            _ => Ok(()),
        }
    }
}

fn clamped(pods: u64) -> u32 {
    u32::try_from(pods).unwrap_or(u32::MAX)
}
