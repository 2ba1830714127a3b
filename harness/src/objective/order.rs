//! Things that happen in an order, such as the states of a circuit breaker.
//!
//! A span happens when it opens, a log event when it is logged. At one instant on one host the
//! order in which they did counts; between hosts there is none.

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Matching, Objective, Over, early::Early};

/// These steps happen one after another. Other things may happen between them, also other steps:
/// `a b c` is found in `a b a b c`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sequence {
    /// The steps in their order.
    pub steps: Vec<Matching>,
}

/// Something happens a bounded number of times in each stretch from one thing to another. A
/// stretch that never ends lasts to the end of the run; one that never begins is no data. So is a
/// bound above zero on what happens nowhere in the run, inside a stretch or outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Between {
    /// What is counted.
    pub what: Matching,
    /// How often it may happen in a stretch.
    pub at_most: u64,
    /// What a stretch begins with.
    pub from: Matching,
    /// What a stretch ends with.
    pub until: Matching,
}

/// A bound that needs its stretch.
#[derive(Clone, Debug)]
#[must_use = "a bound needs the stretch that it holds in"]
pub struct BetweenBuilder {
    what: Matching,
    at_most: u64,
    pub(super) early: Early,
}

/// `steps` happen in this order.
pub fn sequence<M: Into<Matching>>(steps: impl IntoIterator<Item = M>) -> Objective {
    let claim = Sequence { steps: steps.into_iter().map(Into::into).collect() };
    Objective::new(Claim::Sequence(claim), Over::Run)
}

/// `what` happens at most `count` times in each stretch that [`BetweenBuilder::of`] names.
pub fn at_most_between(count: u64, what: impl Into<Matching>) -> BetweenBuilder {
    BetweenBuilder { what: what.into(), at_most: count, early: Early::default() }
}

impl BetweenBuilder {
    /// In each stretch from a `from` to the next `until`.
    pub fn of(self, from: impl Into<Matching>, until: impl Into<Matching>) -> Objective {
        let Self { what, at_most, early } = self;
        let claim = Between { what, at_most, from: from.into(), until: until.into() };
        early.give_to(Objective::new(Claim::Between(claim), Over::Run))
    }
}

impl Describe for Sequence {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        "sequence".to_owned()
    }

    fn bound(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(ToString::to_string).collect();
        steps.join(", then ")
    }

    fn check(&self) -> Result<(), String> {
        if self.steps.len() < 2 {
            return Err(format!("expected at least two steps, found {}", self.steps.len()));
        }
        self.steps.iter().try_for_each(Matching::check)
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[Dimension::Host, Dimension::Boot]
    }
}

impl Describe for Between {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        format!("{} from {} until {}", self.what, self.from, self.until)
    }

    fn bound(&self) -> String {
        format!("at most {}", words::count(self.at_most))
    }

    fn check(&self) -> Result<(), String> {
        [&self.what, &self.from, &self.until].into_iter().try_for_each(Matching::check)
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[Dimension::Host, Dimension::Boot]
    }
}
