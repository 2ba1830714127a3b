//! The faults of the load: what its clients do that they do not do otherwise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    FaultKind,
    attribute::{check_factor, check_requests, check_share, percent, times},
};
use crate::plan::millis;

/// What is unusual about the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoadFault {
    /// The load is so many times as high.
    Burst {
        /// How many.
        factor: f64,
    },
    /// The load rises linearly.
    Ramp {
        /// To so many times as high.
        factor: f64,
    },
    /// Additional requests, all at the same instant.
    Stampede {
        /// How many.
        requests: u32,
    },
    /// Clients go away in the middle of a request.
    Disconnect {
        /// Which share of them.
        rate: f64,
        /// How long after it was sent.
        #[serde(rename = "after_ms", with = "millis")]
        after: Duration,
    },
}

impl From<LoadFault> for FaultKind {
    fn from(fault: LoadFault) -> Self {
        Self::Load(fault)
    }
}

impl LoadFault {
    /// The fault's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Burst { .. } => "burst",
            Self::Ramp { .. } => "ramp",
            Self::Stampede { .. } => "stampede",
            Self::Disconnect { .. } => "disconnect",
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Burst { .. } | Self::Ramp { .. } | Self::Stampede { .. } => "requests added",
            Self::Disconnect { .. } => "clients disconnected",
        }
    }

    /// The attributes, for people.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::Burst { factor } | Self::Ramp { factor } => times(*factor),
            Self::Stampede { requests } => requests.to_string(),
            Self::Disconnect { rate, after } => format!("{} after {after:?}", percent(*rate)),
        }
    }

    /// What is wrong with the attributes.
    pub(super) fn check(&self) -> Option<String> {
        match self {
            Self::Burst { factor } | Self::Ramp { factor } => check_factor(*factor),
            Self::Stampede { requests } => check_requests(u64::from(*requests)),
            Self::Disconnect { rate, .. } => check_share(*rate),
        }
    }
}
