//! What has an end: something that happens no more for a key once something else has happened.

use serde::{Deserialize, Serialize};
use squall_reports::verdict::FindingKind;

use super::{Claim, Describe, Dimension, Matching, Objective, Over, claim::expect, early::Early};

/// Once `ended` has happened, `what` happens no more with the same value of a field: no call under
/// a lease that has expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NeverAfter {
    /// What happens no more.
    pub what: Matching,
    /// After what.
    pub ended: Matching,
    /// The field whose value both have.
    pub same: String,
}

/// A claim that needs its field.
#[derive(Clone, Debug)]
#[must_use = "it needs the field whose value both have"]
pub struct NeverAfterBuilder {
    what: Matching,
    ended: Matching,
    pub(super) early: Early,
}

/// Once `ended` has happened, `what` happens no more with the same value of
/// [a field](NeverAfterBuilder::with_same).
///
/// If nothing has ended, that passes: say with [`sometimes`](super::sometimes) that something does.
/// What happens on two hosts at one instant has no order, and passes.
pub fn never_after(what: impl Into<Matching>, ended: impl Into<Matching>) -> NeverAfterBuilder {
    NeverAfterBuilder { what: what.into(), ended: ended.into(), early: Early::default() }
}

impl NeverAfterBuilder {
    /// Both have the same value in `field`.
    pub fn with_same(self, field: impl Into<String>) -> Objective {
        let claim = NeverAfter { what: self.what, ended: self.ended, same: field.into() };
        self.early.give_to(Objective::new(Claim::NeverAfter(claim), Over::Run))
    }
}

impl Describe for NeverAfter {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        format!("{} never after {}", self.what, self.ended)
    }

    fn bound(&self) -> String {
        format!("none with the same {}", self.same)
    }

    fn check(&self) -> Result<(), String> {
        self.what.check()?;
        self.ended.check()?;
        expect::named("a field", &self.same)
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[Dimension::Host, Dimension::Boot]
    }
}
