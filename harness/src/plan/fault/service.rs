//! The faults of a service: how it answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    FaultKind,
    attribute::{check_delay, check_requests, check_share, percent},
};
use crate::plan::millis;

/// What is broken in how the service on a host answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceFault {
    /// The service answers the first requests with an error.
    FailFirst {
        /// How many.
        requests: u64,
        /// The HTTP status; a gRPC call gets the status that corresponds.
        status: u16,
    },
    /// The service answers a share of the requests with an error.
    FailFraction {
        /// Which share.
        rate: f64,
        /// The HTTP status; a gRPC call gets the status that corresponds.
        status: u16,
    },
    /// The service answers every request with an error.
    ErrorCode {
        /// The HTTP status; a gRPC call gets the status that corresponds.
        status: u16,
    },
    /// The service answers late.
    SlowAnswer {
        /// By this.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// The service takes requests and never answers.
    Hang,
    /// Bits of the answer's body are flipped.
    CorruptAnswer {
        /// In which share of the answers.
        rate: f64,
    },
    /// The answer's body breaks off in the middle.
    TruncateAnswer {
        /// In which share of the answers.
        rate: f64,
    },
}

impl From<ServiceFault> for FaultKind {
    fn from(fault: ServiceFault) -> Self {
        Self::Service(fault)
    }
}

impl ServiceFault {
    /// The fault's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::FailFirst { .. } => "fail_first",
            Self::FailFraction { .. } => "fail_fraction",
            Self::ErrorCode { .. } => "error_code",
            Self::SlowAnswer { .. } => "slow_answer",
            Self::Hang => "hang",
            Self::CorruptAnswer { .. } => "corrupt_answer",
            Self::TruncateAnswer { .. } => "truncate_answer",
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::FailFirst { .. } | Self::FailFraction { .. } | Self::ErrorCode { .. } => {
                "requests failed"
            }
            Self::SlowAnswer { .. } => "requests delayed",
            Self::Hang => "requests hung",
            Self::CorruptAnswer { .. } => "answers corrupted",
            Self::TruncateAnswer { .. } => "answers truncated",
        }
    }

    /// The attributes, for people; empty when there are none.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::FailFirst { requests, status } => format!("{requests} with {status}"),
            Self::FailFraction { rate, status } => format!("{} with {status}", percent(*rate)),
            Self::ErrorCode { status } => status.to_string(),
            Self::SlowAnswer { delay } => format!("{delay:?}"),
            Self::Hang => String::new(),
            Self::CorruptAnswer { rate } | Self::TruncateAnswer { rate } => percent(*rate),
        }
    }

    /// What is wrong with the attributes.
    pub(super) fn check(&self) -> Option<String> {
        match self {
            Self::FailFirst { requests, status } => {
                check_status(*status).or_else(|| check_requests(*requests))
            }
            Self::FailFraction { rate, status } => {
                check_share(*rate).or_else(|| check_status(*status))
            }
            Self::ErrorCode { status } => check_status(*status),
            Self::SlowAnswer { delay } => check_delay(*delay),
            Self::Hang => None,
            Self::CorruptAnswer { rate } | Self::TruncateAnswer { rate } => check_share(*rate),
        }
    }
}

fn check_status(status: u16) -> Option<String> {
    (!(400..600).contains(&status))
        .then(|| format!("expected an HTTP status from 400 to 599, found {status}"))
}
