//! What an objective is: a claim with a scope.

use serde::{Deserialize, Serialize};
use squall_reports::verdict::FindingKind;

use super::{
    Accounting, Amplification, Balance, Between, Budget, Burn, Concurrency, Dimension, Latency,
    Level, Lifetime, NeverAfter, Occurrence, Over, Pace, Recovery, Scope, Sequence, Settles, Share,
};

/// Something that a run is held to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "an objective judges nothing until a plan holds it"]
pub struct Objective {
    /// What is claimed.
    pub claim: Claim,
    /// What it is claimed of.
    #[serde(default)]
    pub scope: Scope,
    /// How reports call it, instead of the name of the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// What an objective claims. Each kind is a page of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Claim {
    /// A percentile of latency is bounded.
    Latency(Latency),
    /// A share of the requests is bounded: availability, goodput, degraded, shed, failed.
    Share(Share),
    /// An error budget is not overspent.
    Budget(Budget),
    /// No burn rate alert would have fired.
    Burn(Burn),
    /// Another objective holds again in time after the last heal.
    Recovery(Recovery),
    /// Retries do not multiply the load.
    Amplification(Amplification),
    /// Retries keep a pace.
    Pace(Pace),
    /// A number of spans is open at most at any instant.
    Concurrency(Concurrency),
    /// A gauge is bounded.
    Level(Level),
    /// A gauge returns to where it was before the load.
    Settles(Settles),
    /// Two sums of counts are equal.
    Accounting(Accounting),
    /// Two sums of gauges are equal whenever they are read.
    Balance(Balance),
    /// No span outlives what it belongs to.
    Lifetime(Lifetime),
    /// Something always, never, sometimes or eventually happens.
    Occurrence(Occurrence),
    /// Something happens no more once something else has happened.
    NeverAfter(NeverAfter),
    /// Things happen in an order.
    Sequence(Sequence),
    /// Something happens a bounded number of times between two others.
    Between(Between),
}

/// What is wrong with an objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the objective \"{objective}\" is not valid: {reason}")]
pub struct InvalidObjective {
    /// Its name.
    pub objective: String,
    /// What was expected and found.
    pub reason: String,
}

/// What every kind of claim can say of itself.
pub(crate) trait Describe {
    /// Service level objective or invariant.
    fn kind(&self) -> FindingKind;
    /// The claim in words: `p99 latency`.
    fn name(&self) -> String;
    /// The bound in words: `at most 200 ms`.
    fn bound(&self) -> String;
    /// What is wrong with it.
    fn check(&self) -> Result<(), String>;
    /// What it can be restricted to; a scope in another dimension is refused, not ignored.
    fn scopes(&self) -> &'static [Dimension];
}

impl Claim {
    fn described(&self) -> &dyn Describe {
        match self {
            Self::Latency(claim) => claim,
            Self::Share(claim) => claim,
            Self::Budget(claim) => claim,
            Self::Burn(claim) => claim,
            Self::Recovery(claim) => claim,
            Self::Amplification(claim) => claim,
            Self::Pace(claim) => claim,
            Self::Concurrency(claim) => claim,
            Self::Level(claim) => claim,
            Self::Settles(claim) => claim,
            Self::Accounting(claim) => claim,
            Self::Balance(claim) => claim,
            Self::Lifetime(claim) => claim,
            Self::Occurrence(claim) => claim,
            Self::NeverAfter(claim) => claim,
            Self::Sequence(claim) => claim,
            Self::Between(claim) => claim,
        }
    }
}

impl Objective {
    pub(super) fn new(claim: Claim, over: Over) -> Self {
        Self { claim, scope: Scope { over, ..Scope::default() }, title: None }
    }

    /// Gives it a name of its own in reports.
    pub fn named(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> String {
        self.title.clone().unwrap_or_else(|| self.claim.described().name())
    }

    /// Its bound in words.
    #[must_use]
    pub fn bound(&self) -> String {
        self.claim.described().bound()
    }

    /// Service level objective or invariant.
    #[must_use]
    pub fn kind(&self) -> FindingKind {
        self.claim.described().kind()
    }

    /// Is it one that can be judged?
    ///
    /// # Errors
    ///
    /// When a number lies outside the range in which it means something, a name is empty, or it
    /// is restricted to something that its claim does not know.
    pub fn check(&self) -> Result<(), InvalidObjective> {
        let claim = self.claim.described();
        claim
            .check()
            .and_then(|()| self.scope.check(claim.scopes()))
            .map_err(|reason| InvalidObjective { objective: self.name(), reason })
    }
}

/// Checks that are needed more than once.
pub(super) mod expect {
    use std::time::Duration;

    /// A fraction above 0 and at most 1.
    pub(crate) fn positive_fraction(what: &str, value: f64) -> Result<(), String> {
        let good = value > 0.0 && value <= 1.0;
        good.then_some(())
            .ok_or_else(|| format!("expected {what} above 0 and at most 1, found {value}"))
    }

    /// A fraction from 0 to below 1.
    pub(crate) fn bounding_fraction(what: &str, value: f64) -> Result<(), String> {
        let good = (0.0..1.0).contains(&value);
        good.then_some(())
            .ok_or_else(|| format!("expected {what} from 0 to below 1, found {value}"))
    }

    /// A finite number above 0.
    pub(crate) fn positive(what: &str, value: f64) -> Result<(), String> {
        let good = value > 0.0 && value.is_finite();
        good.then_some(()).ok_or_else(|| format!("expected {what} above 0, found {value}"))
    }

    /// A time above zero.
    pub(crate) fn some_time(what: &str, value: Duration) -> Result<(), String> {
        let good = !value.is_zero();
        good.then_some(()).ok_or_else(|| format!("expected {what} above zero, found {value:?}"))
    }

    /// A name that is there.
    pub(crate) fn named(what: &str, value: &str) -> Result<(), String> {
        let good = !value.is_empty();
        good.then_some(()).ok_or_else(|| format!("expected {what}, found an empty name"))
    }
}
