//! The pace of retries: how long the pauses between attempts are, whether they grow and differ.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Matching, Objective, Over, claim::expect, early::Early};

/// The pauses between the attempts at one thing, each from the end of an attempt to the beginning
/// of the next one. Attempts are in the order in which they began; one that begins before the
/// earlier one has ended comes after no pause at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pace {
    /// The spans that are attempts.
    pub attempts: Matching,
    /// The field whose value the attempts at one thing share. Without it, attempts that work for
    /// the same request of the load are at one thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same: Option<String>,
    /// What their pauses are to be like.
    pub pauses: Pauses,
}

/// What pauses are to be like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pauses {
    /// None is shorter.
    #[serde(rename = "at_least_ms", with = "super::millis")]
    AtLeast(Duration),
    /// None is longer.
    #[serde(rename = "at_most_ms", with = "super::millis")]
    AtMost(Duration),
    /// The median of each pause is at least so many times the median of the pause before, over
    /// all things that had both.
    GrowingBy(f64),
    /// The pauses after the first attempts differ among themselves, those after the second ones
    /// as well, and so on: their interquartile range is at least this fraction of their median.
    SpreadAtLeast(f64),
    /// None ends before the number of milliseconds that this field of the earlier attempt holds.
    /// Attempts without the field say nothing.
    NotBefore(String),
}

/// Pauses of which nothing is claimed yet.
#[derive(Clone, Debug)]
#[must_use = "pauses are no objective until something is claimed of them"]
pub struct PaceBuilder {
    attempts: Matching,
    same: Option<String>,
    pub(super) early: Early,
}

/// The pauses between these attempts, by default those that work for one request of the load.
pub fn pause_between(attempts: impl Into<Matching>) -> PaceBuilder {
    PaceBuilder { attempts: attempts.into(), same: None, early: Early::default() }
}

impl PaceBuilder {
    /// Between attempts with the same value in `field`, such as the number of a job, whichever
    /// request and host they are of.
    pub fn with_same(mut self, field: impl Into<String>) -> Self {
        self.same = Some(field.into());
        self
    }

    /// None is shorter than `pause`.
    pub fn at_least(self, pause: Duration) -> Objective {
        self.are(Pauses::AtLeast(pause))
    }

    /// None is longer than `pause`.
    pub fn at_most(self, pause: Duration) -> Objective {
        self.are(Pauses::AtMost(pause))
    }

    /// Each is, in the median, at least `factor` times as long as the one before. Needs eight
    /// chains of attempts with both.
    pub fn growing_by(self, factor: f64) -> Objective {
        self.are(Pauses::GrowingBy(factor))
    }

    /// Those after the same attempt are not all alike: their interquartile range is at least
    /// `fraction` of their median. What is drawn from zero to a bound has 1, what is drawn from
    /// half of a bound to the bound a third. Needs eight pauses after the same attempt.
    pub fn spread_at_least(self, fraction: f64) -> Objective {
        self.are(Pauses::SpreadAtLeast(fraction))
    }

    /// Each lasts at least the number of milliseconds in `field` of the attempt before it, such as
    /// what a server said with `Retry-After`.
    pub fn not_before(self, field: impl Into<String>) -> Objective {
        self.are(Pauses::NotBefore(field.into()))
    }

    fn are(self, pauses: Pauses) -> Objective {
        let claim = Pace { attempts: self.attempts, same: self.same, pauses };
        self.early.give_to(Objective::new(Claim::Pace(claim), Over::Run))
    }
}

impl Describe for Pace {
    fn kind(&self) -> FindingKind {
        FindingKind::Objective
    }

    fn name(&self) -> String {
        let same = self.same.iter().map(|field| format!(" with the same {field}"));
        format!("pause between {}{}", self.attempts, same.collect::<String>())
    }

    fn bound(&self) -> String {
        match &self.pauses {
            Pauses::AtLeast(pause) => format!("at least {}", words::duration(*pause)),
            Pauses::AtMost(pause) => format!("at most {}", words::duration(*pause)),
            Pauses::GrowingBy(factor) => format!("growing by at least {factor}x"),
            Pauses::SpreadAtLeast(fraction) => {
                format!("spread over at least {} of the median", words::percent(*fraction))
            }
            Pauses::NotBefore(field) => format!("at least the {field} of the attempt before"),
        }
    }

    fn check(&self) -> Result<(), String> {
        self.attempts.check_span()?;
        self.same.as_deref().map_or(Ok(()), |field| expect::named("a field", field))?;
        match &self.pauses {
            Pauses::AtLeast(pause) | Pauses::AtMost(pause) => expect::some_time("a pause", *pause),
            Pauses::GrowingBy(factor) if *factor <= 1.0 => {
                Err(format!("expected a factor above 1, found {factor}"))
            }
            Pauses::GrowingBy(factor) => expect::positive("a factor", *factor),
            Pauses::SpreadAtLeast(fraction) => expect::positive("a fraction", *fraction),
            Pauses::NotBefore(field) => expect::named("a field", field),
        }
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Host, Phase, Route};
        &[Phase, Route, Host, Boot]
    }
}
