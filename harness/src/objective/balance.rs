//! Gauges that balance at every instant at which they are read.

use serde::{Deserialize, Serialize};
use squall_reports::verdict::FindingKind;

use super::{Claim, Describe, Dimension, Objective, Over, claim::expect};

/// Two sums of gauges are equal in every sample that has them all, on every host by itself.
///
/// A sample is what was read of one host at one instant: one page of metrics
/// ([`Scrape`](crate::plan::Scrape)). If all of them are zero throughout, nothing happened, which
/// is no data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Balance {
    /// What went in.
    pub left: Vec<String>,
    /// Where it is.
    pub right: Vec<String>,
}

/// The gauges `left` add up to the same as the gauges `right`, whenever they are read:
///
/// ```
/// use squall::objective::always_balanced;
///
/// let jobs = always_balanced(["jobs_accepted"], ["jobs_stored", "jobs_queued", "jobs_leased"]);
/// assert_eq!(jobs.name(), "balance of jobs_accepted");
/// assert_eq!(jobs.bound(), "equals jobs_stored + jobs_queued + jobs_leased in every sample");
/// ```
pub fn always_balanced<L: Into<String>, R: Into<String>>(
    left: impl IntoIterator<Item = L>,
    right: impl IntoIterator<Item = R>,
) -> Objective {
    let claim = Balance {
        left: left.into_iter().map(Into::into).collect(),
        right: right.into_iter().map(Into::into).collect(),
    };
    Objective::new(Claim::Balance(claim), Over::Run)
}

impl Describe for Balance {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        format!("balance of {}", self.left.join(" + "))
    }

    fn bound(&self) -> String {
        format!("equals {} in every sample", self.right.join(" + "))
    }

    fn check(&self) -> Result<(), String> {
        if self.left.is_empty() || self.right.is_empty() {
            return Err("expected a gauge on both sides, found none on one".to_owned());
        }
        let mut gauges = self.left.iter().chain(&self.right);
        gauges.try_for_each(|name| expect::named("the name of a gauge", name))
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[Dimension::Host, Dimension::Boot]
    }
}
