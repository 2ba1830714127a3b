//! Shares of requests: availability, goodput, degraded, shed, failed.
//!
//! A share counts all requests that ended except the `Abandoned`, whose fate nobody knows;
//! [`abandoned`] alone counts all of them. A request is *useful* if it `Succeeded` or was
//! `Degraded`; it is *good* for goodput if it was useful and its latency, from the intended
//! start, was within the bound.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Objective, Over, claim::expect, early::Early};

/// A share of the requests is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Share {
    /// The share of which requests.
    pub of: ShareOf,
    /// How large it must or may be.
    pub bound: ShareBound,
}

/// Which requests a share counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShareOf {
    /// Succeeded or degraded, called availability.
    Available,
    /// Succeeded or degraded, called useful answers.
    Useful,
    /// Succeeded or degraded, within this time.
    #[serde(rename = "on_time_ms", with = "super::millis")]
    OnTime(Duration),
    /// Succeeded: complete answers.
    Succeeded,
    /// Degraded: something was left out.
    Degraded,
    /// Refused by a service that protects itself.
    Shed,
    /// Failed.
    Failed,
    /// Failed, and not with an error of this HTTP status.
    FailedOtherwiseThan(u16),
    /// Answered with a 2xx status and not with what was asked for.
    Wrong,
    /// Abandoned, as a share of all that were sent.
    Abandoned,
}

/// How large a share must or may be. The bound itself is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShareBound {
    /// At least this fraction.
    AtLeast(f64),
    /// At most this fraction.
    AtMost(f64),
    /// At most this many.
    CountAtMost(u64),
}

/// A share of the requests that needs a bound.
#[derive(Clone, Debug)]
#[must_use = "a share is no objective until it has a bound"]
pub struct ShareBuilder {
    of: ShareOf,
    pub(super) early: Early,
}

/// Goodput that needs the time within which an answer is good.
#[derive(Clone, Debug)]
#[must_use = "goodput needs the time within which an answer is good"]
pub struct GoodputBuilder {
    pub(super) early: Early,
}

/// The share of requests with a useful answer, complete or degraded.
pub fn availability() -> ShareBuilder {
    ShareOf::Available.builder()
}

/// The share of requests with a useful answer; the same measure as [`availability`].
pub fn useful() -> ShareBuilder {
    ShareOf::Useful.builder()
}

/// The share of requests with a useful answer that came in time.
pub fn goodput() -> GoodputBuilder {
    GoodputBuilder { early: Early::default() }
}

/// The share of requests with a complete answer.
pub fn succeeded() -> ShareBuilder {
    ShareOf::Succeeded.builder()
}

/// The share of requests whose answer had something left out.
pub fn degraded() -> ShareBuilder {
    ShareOf::Degraded.builder()
}

/// The share of requests that were refused by a service that protects itself.
pub fn shed() -> ShareBuilder {
    ShareOf::Shed.builder()
}

/// The share of requests that failed.
pub fn failed() -> ShareBuilder {
    ShareOf::Failed.builder()
}

/// The share of requests that failed, but not with an error of this HTTP status: another status,
/// no answer in time, a connection that broke, or an error that was not the
/// [expected](crate::plan::Expect::error_type) kind of document.
pub fn failed_otherwise_than(status: u16) -> ShareBuilder {
    ShareOf::FailedOtherwiseThan(status).builder()
}

/// The share of requests with a wrong answer: one of status 2xx whose content is not what the
/// [request expects](crate::plan::Expect).
pub fn wrong() -> ShareBuilder {
    ShareOf::Wrong.builder()
}

/// The share of all requests whose client went away.
pub fn abandoned() -> ShareBuilder {
    ShareOf::Abandoned.builder()
}

impl ShareOf {
    fn builder(self) -> ShareBuilder {
        ShareBuilder { of: self, early: Early::default() }
    }
}

impl GoodputBuilder {
    /// An answer is good if it came within `bound` of the intended start.
    pub fn within(self, bound: Duration) -> ShareBuilder {
        ShareBuilder { of: ShareOf::OnTime(bound), early: self.early }
    }
}

impl ShareBuilder {
    /// At least `fraction` of the requests, in each phase of the run.
    pub fn at_least(self, fraction: f64) -> Objective {
        self.bounded(ShareBound::AtLeast(fraction), Over::EachPhase)
    }

    /// At most `fraction` of the requests, in each phase of the run.
    pub fn at_most(self, fraction: f64) -> Objective {
        self.bounded(ShareBound::AtMost(fraction), Over::EachPhase)
    }

    /// At most `count` requests over the run.
    pub fn count_at_most(self, count: u64) -> Objective {
        self.bounded(ShareBound::CountAtMost(count), Over::Run)
    }

    /// Not one request over the run.
    pub fn none(self) -> Objective {
        self.count_at_most(0)
    }

    fn bounded(self, bound: ShareBound, over: Over) -> Objective {
        let claim = Share { of: self.of, bound };
        self.early.give_to(Objective::new(Claim::Share(claim), over))
    }
}

impl Describe for Share {
    fn kind(&self) -> FindingKind {
        FindingKind::Objective
    }

    fn name(&self) -> String {
        match self.of {
            ShareOf::Available => "availability".to_owned(),
            ShareOf::Useful => "useful answers".to_owned(),
            ShareOf::OnTime(bound) => format!("goodput within {}", words::duration(bound)),
            ShareOf::Succeeded => "complete answers".to_owned(),
            ShareOf::Degraded => "degraded answers".to_owned(),
            ShareOf::Shed => "shed requests".to_owned(),
            ShareOf::Failed => "failed requests".to_owned(),
            ShareOf::FailedOtherwiseThan(status) => {
                format!("requests that failed otherwise than with {status}")
            }
            ShareOf::Wrong => "wrong answers".to_owned(),
            ShareOf::Abandoned => "abandoned requests".to_owned(),
        }
    }

    fn bound(&self) -> String {
        match self.bound {
            ShareBound::AtLeast(fraction) => format!("at least {}", words::percent_exact(fraction)),
            ShareBound::AtMost(fraction) => format!("at most {}", words::percent_exact(fraction)),
            ShareBound::CountAtMost(0) => "none".to_owned(),
            ShareBound::CountAtMost(count) => format!("at most {}", words::count(count)),
        }
    }

    fn check(&self) -> Result<(), String> {
        if let ShareOf::OnTime(bound) = self.of {
            expect::some_time("a time for goodput", bound)?;
        }
        match self.bound {
            ShareBound::AtLeast(fraction) => expect::positive_fraction("a share", fraction),
            ShareBound::AtMost(fraction) => expect::bounding_fraction("a share", fraction),
            ShareBound::CountAtMost(_) => Ok(()),
        }
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Calls, Host, Phase, Route};
        match self.of {
            // A call has no HTTP status, and nobody says what its answer should be.
            ShareOf::Wrong => &[Phase, Route, Host, Boot],
            _ => &[Phase, Route, Calls, Host, Boot],
        }
    }
}
