//! The faults of a disk.

use serde::{Deserialize, Serialize};

use super::{
    FaultKind,
    attribute::{check_factor, check_share, percent, times},
};

/// What is broken in the disk of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiskFault {
    /// No file can grow.
    Full,
    /// What the disk is asked for fails.
    Error {
        /// In which share of the operations.
        rate: f64,
    },
    /// The disk takes so many times as long.
    Slow {
        /// How many.
        factor: f64,
    },
    /// Bits of what is read are flipped.
    Corrupt {
        /// In which share of the reads.
        rate: f64,
    },
}

impl From<DiskFault> for FaultKind {
    fn from(fault: DiskFault) -> Self {
        Self::Disk(fault)
    }
}

impl DiskFault {
    /// The fault's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Full => "disk_full",
            Self::Error { .. } => "disk_error",
            Self::Slow { .. } => "slow_disk",
            Self::Corrupt { .. } => "corrupt_disk",
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Full => "writes refused",
            Self::Error { .. } => "disk operations failed",
            Self::Slow { .. } => "disk operations slowed",
            Self::Corrupt { .. } => "reads corrupted",
        }
    }

    /// The attributes, for people; empty when there are none.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::Full => String::new(),
            Self::Error { rate } | Self::Corrupt { rate } => percent(*rate),
            Self::Slow { factor } => times(*factor),
        }
    }

    /// What is wrong with the attributes.
    pub(super) fn check(&self) -> Option<String> {
        match self {
            Self::Full => None,
            Self::Error { rate } | Self::Corrupt { rate } => check_share(*rate),
            Self::Slow { factor } => check_factor(*factor),
        }
    }
}
