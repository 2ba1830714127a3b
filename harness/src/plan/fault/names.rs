//! The faults of look-ups of names.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FaultKind, attribute::check_delay};
use crate::plan::millis;

/// What look-ups of names that a host makes meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NameFault {
    /// Look-ups of names fail.
    Failure,
    /// Look-ups of names take longer.
    Slow {
        /// By this.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// Look-ups of a name answer with the address of another host.
    Stale {
        /// The name that is looked up.
        name: String,
        /// The host whose address is the answer.
        old: String,
    },
}

impl From<NameFault> for FaultKind {
    fn from(fault: NameFault) -> Self {
        Self::Names(fault)
    }
}

impl NameFault {
    /// The fault's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Failure => "dns_failure",
            Self::Slow { .. } => "slow_dns",
            Self::Stale { .. } => "stale_dns",
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Failure => "look-ups failed",
            Self::Slow { .. } => "look-ups delayed",
            Self::Stale { .. } => "look-ups misled",
        }
    }

    /// The attributes, for people; empty when there are none.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::Failure => String::new(),
            Self::Slow { delay } => format!("{delay:?}"),
            Self::Stale { name, old } => format!("{name} is {old}"),
        }
    }

    /// The hosts that it names.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        let hosts = match self {
            Self::Failure | Self::Slow { .. } => [None, None],
            Self::Stale { name, old } => [Some(name.as_str()), Some(old.as_str())],
        };
        hosts.into_iter().flatten()
    }

    /// What is wrong with the attributes.
    pub(super) fn check(&self) -> Option<String> {
        match self {
            Self::Failure => None,
            Self::Slow { delay } => check_delay(*delay),
            Self::Stale { name, old } => (name == old)
                .then(|| format!("expected the address of another host, found that of {old}")),
        }
    }
}
