//! The judge: objectives and a record in, findings and a verdict out.
//!
//! A verdict rests on the record alone, so a record from a file is judged as the run was. Besides
//! the objectives, three things are always judged: that the requests of the load, if there is one,
//! are all accounted for, that each fault affected something, and that the run came to its planned
//! end.
//! Without an objective there is nothing to conclude, which is [`Verdict::NoData`].
//!
//! What follows from another finding is noted last, and changes no verdict.
//!
//! The record is read once, into an index; each kind of claim is judged in a
//! file of its own, against that index.

mod accounting;
mod balance;
mod budget;
mod builder;
mod consequence;
mod index;
mod latency;
mod level;
mod lifetime;
mod matcher;
mod names;
mod never_after;
mod number;
mod occurrence;
mod operation;
mod order;
mod pace;
mod recovery;
mod retries;
mod sample;
mod share;
mod standing;
#[cfg(test)]
mod tests;

pub use squall_reports::verdict::Judgement;
use squall_reports::{
    record::{EndCause, Record},
    verdict::{Finding, FindingKind, Verdict},
};

use crate::objective::{Claim, Objective, Over};
use builder::FindingBuilder;
use consequence::Concluded;
use index::Index;
use operation::Operations;
use sample::Sample;

/// Judges `record` by `objectives`.
#[must_use]
pub fn judge(record: &Record, objectives: &[Objective]) -> Judgement {
    let index = Index::new(record);
    let mut all = Vec::new();
    if objectives.is_empty() {
        all.push(Concluded::alone(standing::no_objective()));
    }
    let operations = Operations::new(record, &index);
    for objective in objectives {
        all.extend(match objective.scope.over {
            Over::EachOperation | Over::Operation(_) => operations.findings_on(objective),
            _ => findings_on(objective, &FindingBuilder::new(objective), &index),
        });
    }
    let conservation = standing::has_load(&index).then(|| {
        all.push(standing::conservation(&index));
        all.len() - 1
    });
    all.extend(standing::faults(record));
    let completion = all.len();
    all.push(Concluded::alone(standing::completion(record)));
    consequence::note(&mut all, conservation, completion);
    if let EndCause::LoadBehind { .. } = record.end.cause {
        all.iter_mut().for_each(|it| standing::blame_load(&mut it.finding));
    }
    Judgement::of(all.into_iter().map(|it| it.finding).collect())
}

/// How a kind of claim is judged. At least one finding, or the objective would pass unseen.
trait Evaluate {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding>;

    /// What speaks against it in the part of the run that a finding which failed is on, for a claim
    /// on how requests or calls end.
    fn against(
        &self,
        _finding: &Finding,
        _draft: &FindingBuilder<'_>,
        _index: &Index<'_>,
    ) -> Option<Vec<Sample>> {
        None
    }

    /// In a run that was cut short: might a finding that is not a pass have come out otherwise, had
    /// the run gone on? What has no data might, as long as the part that it is on was not over.
    fn is_unfinished(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> bool {
        finding.verdict == Verdict::NoData && !builder.is_over(finding, index)
    }
}

fn findings_on(
    objective: &Objective,
    builder: &FindingBuilder<'_>,
    index: &Index<'_>,
) -> Vec<Concluded> {
    if let Err(error) = objective.check() {
        return vec![Concluded::alone(builder.finding(None).failed(error.to_string()))];
    }
    let claim: &dyn Evaluate = match &objective.claim {
        Claim::Latency(claim) => claim,
        Claim::Share(claim) => claim,
        Claim::Budget(claim) => claim,
        Claim::Burn(claim) => claim,
        Claim::Recovery(claim) => claim,
        Claim::Amplification(claim) => claim,
        Claim::Pace(claim) => claim,
        Claim::Concurrency(claim) => claim,
        Claim::Level(claim) => claim,
        Claim::Settles(claim) => claim,
        Claim::Accounting(claim) => claim,
        Claim::Balance(claim) => claim,
        Claim::Lifetime(claim) => claim,
        Claim::Occurrence(claim) => claim,
        Claim::NeverAfter(claim) => claim,
        Claim::Sequence(claim) => claim,
        Claim::Between(claim) => claim,
    };
    let is_of_requests = objective.scope.calls.is_none()
        && matches!(
            objective.claim,
            Claim::Latency(_) | Claim::Share(_) | Claim::Budget(_) | Claim::Burn(_)
        );
    let findings = claim.judge(builder, index).into_iter();
    let concluded = findings.map(|finding| {
        let lacks_requests = finding.verdict == Verdict::NoData
            && is_of_requests
            && index.requests.is_empty()
            && builder.is_in_run(&finding, index);
        Concluded::new(finding, claim, builder, index).lacking_requests(lacks_requests)
    });
    concluded.collect()
}

/// A finding that concludes; the sentence is empty on a pass.
trait Conclude: Sized {
    /// When it first went wrong, for a finding that may fail.
    fn wrong_at(self, at: Option<u64>) -> Self;
    fn passed(self) -> Self;
    fn failed(self, reason: impl Into<String>) -> Self;
    fn no_data(self, reason: impl Into<String>) -> Self;
    /// A pass if `good`, else a failure for the reason given.
    fn concluded(self, good: bool, reason: impl FnOnce() -> String) -> Self;
}

impl Conclude for Finding {
    fn wrong_at(mut self, at: Option<u64>) -> Self {
        self.at = at;
        self
    }

    fn passed(mut self) -> Self {
        self.verdict = Verdict::Pass;
        self.reason.clear();
        self.at = None;
        self
    }

    fn failed(mut self, reason: impl Into<String>) -> Self {
        self.verdict = Verdict::Fail;
        self.reason = reason.into();
        self
    }

    fn no_data(mut self, reason: impl Into<String>) -> Self {
        self.at = None;
        self.verdict = Verdict::NoData;
        self.reason = reason.into();
        self
    }

    fn concluded(self, good: bool, reason: impl FnOnce() -> String) -> Self {
        if good { self.passed() } else { self.failed(reason()) }
    }
}

/// A finding with nothing concluded yet.
fn blank(kind: FindingKind, name: impl Into<String>, bound: impl Into<String>) -> Finding {
    Finding {
        kind,
        name: name.into(),
        scope: String::new(),
        phase: None,
        bound: bound.into(),
        observed: String::new(),
        verdict: Verdict::NoData,
        samples: 0,
        margin: None,
        figures: None,
        worst: None,
        reason: String::new(),
        note: String::new(),
        at: None,
        follows: None,
    }
}
