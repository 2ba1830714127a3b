//! Which of the four dependencies a server is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Latency;

/// One of the four dependencies of the aggregation API.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What is on stock. Critical.
    #[default]
    Inventory,
    /// What it costs.
    Pricing,
    /// What customers think of it.
    Reviews,
    /// What else they may want.
    Recommendations,
}

impl Kind {
    /// All four.
    pub const ALL: [Self; 4] =
        [Self::Inventory, Self::Pricing, Self::Reviews, Self::Recommendations];

    /// The name, as in `degraded`, in spans and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Pricing => "pricing",
            Self::Reviews => "reviews",
            Self::Recommendations => "recommendations",
        }
    }

    /// The port that it listens on unless told otherwise: 50051 and up.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Inventory => 50051,
            Self::Pricing => 50052,
            Self::Reviews => 50053,
            Self::Recommendations => 50054,
        }
    }

    /// Its latency unless told otherwise: log-normal around 5, 8, 12 and 15 ms.
    #[must_use]
    pub fn latency(self) -> Latency {
        let median_ms = match self {
            Self::Inventory => 5.0,
            Self::Pricing => 8.0,
            Self::Reviews => 12.0,
            Self::Recommendations => 15.0,
        };
        Latency::LogNormal { median_ms, sigma: 0.3, cap_ms: 100.0 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// No dependency has this name.
#[derive(Debug, thiserror::Error)]
#[error("expected inventory, pricing, reviews or recommendations, found `{0}`")]
pub struct UnknownKind(String);
