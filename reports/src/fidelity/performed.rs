//! The runs of one scenario on one backend, of which what is shown is kept.

use std::collections::BTreeMap;

use super::{Aspect, Curves, measures};
use crate::{
    Record,
    record::{Backend, Phase},
    report::titled,
    tally::Verdicts,
    verdict::{Finding, FindingKind, Judgement, Verdict},
};

/// The runs of a scenario on a backend. Records can be dropped once they were added.
#[derive(Clone, Debug)]
pub struct Performed {
    pub(super) backend: Backend,
    pub(super) title: Option<String>,
    pub(super) hypothesis: String,
    pub(super) plan: serde_json::Value,
    pub(super) verdicts: Vec<Verdict>,
    /// The objectives and invariants of the plan, in its order.
    pub(super) claims: Vec<Claim>,
    pub(super) values: BTreeMap<(Phase, Aspect), Vec<f64>>,
    pub(super) faults: Vec<Fault>,
    /// How the first run went.
    pub(super) curves: Option<Curves>,
    /// Why runs were left out: they show the machine and not the services.
    pub(super) left_out: Vec<String>,
}

/// An objective or invariant over the runs.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) first: Finding,
    /// How many alike are before it.
    alike: usize,
    pub(super) verdicts: Vec<Verdict>,
    /// What was observed, as a number if there is one, and in words.
    pub(super) observed: Vec<(Option<f64>, String)>,
    /// Why it was no pass, the first time.
    pub(super) reason: Option<String>,
}

impl Claim {
    fn new(first: &Finding, alike: usize) -> Self {
        let (first, verdicts, observed) = (first.clone(), Vec::new(), Vec::new());
        Self { first, alike, verdicts, observed, reason: None }
    }

    fn is(&self, finding: &Finding, alike: usize) -> bool {
        self.alike == alike && is_alike(&self.first, finding)
    }

    /// Is it the same objective as that of another side?
    pub(super) fn is_that(&self, other: &Self) -> bool {
        self.is(&other.first, other.alike)
    }
}

/// Do two findings differ in nothing but what they are about? The bound of one may have more slack, and
/// be a part of its name.
fn is_alike(a: &Finding, b: &Finding) -> bool {
    a.kind == b.kind && a.scope == b.scope && a.phase == b.phase
}

/// A fault over the runs.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) label: String,
    /// What is counted, which differs between backends.
    pub(super) counts: String,
    pub(super) affected: Vec<u64>,
}

/// Why a run is not one of those that are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a run of {expected}, found one of {found}")]
pub struct NotAlike {
    expected: String,
    found: String,
}

impl Performed {
    /// No runs on this backend yet.
    #[must_use]
    pub fn on(backend: Backend) -> Self {
        Self {
            backend,
            title: None,
            hypothesis: String::new(),
            plan: serde_json::Value::Null,
            verdicts: Vec::new(),
            claims: Vec::new(),
            values: BTreeMap::new(),
            faults: Vec::new(),
            curves: None,
            left_out: Vec::new(),
        }
    }

    /// Measures a run. One that shows the machine and not the services is only counted: its load was
    /// sent late, or it took too long in real time.
    ///
    /// # Errors
    ///
    /// When another backend performed it, or another scenario than those that are there.
    pub fn add(&mut self, record: &Record, judgement: &Judgement) -> Result<(), NotAlike> {
        let header = &record.header;
        let title = titled(&header.scenario, &header.defects);
        let expected = self.title.get_or_insert_with(|| title.clone());
        if *expected != title || header.backend != self.backend {
            return Err(NotAlike {
                expected: format!("{expected} on {}", self.backend),
                found: format!("{title} on {}", header.backend),
            });
        }
        let cause = &record.end.cause;
        if cause.shows_the_machine() {
            self.left_out.push(format!("seed {}: {cause}", header.seed));
            return Ok(());
        }
        if self.verdicts.is_empty() {
            self.hypothesis.clone_from(&header.hypothesis);
            self.plan.clone_from(&header.plan);
            self.curves = Some(Curves::of(record));
        }
        self.verdicts.push(judgement.verdict);
        self.add_claims(judgement);
        for (key, value) in measures::of(record) {
            self.values.entry(key).or_default().push(value);
        }
        for (number, (fault, affected)) in header.faults.iter().zip(record.affected()).enumerate() {
            if self.faults.len() == number {
                let (label, counts) = (fault.label.clone(), fault.counts.clone());
                self.faults.push(Fault { label, counts, affected: Vec::new() });
            }
            self.faults[number].affected.push(affected);
        }
        Ok(())
    }

    /// Those with the same kind, scope and phase are told apart by their order, which is that of the plan: a
    /// run may lack a phase.
    fn add_claims(&mut self, judgement: &Judgement) {
        let is_claim =
            |it: &&Finding| matches!(it.kind, FindingKind::Objective | FindingKind::Invariant);
        let claims: Vec<&Finding> = judgement.findings.iter().filter(is_claim).collect();
        for (number, finding) in claims.iter().enumerate() {
            let alike = claims[..number].iter().filter(|other| is_alike(other, finding)).count();
            let known = self.claims.iter().position(|it| it.is(finding, alike));
            let place = known.unwrap_or_else(|| {
                self.claims.push(Claim::new(finding, alike));
                self.claims.len() - 1
            });
            let claim = &mut self.claims[place];
            claim.verdicts.push(finding.verdict);
            let figure = finding.figures.map(|figures| figures.observed);
            claim.observed.push((figure, finding.observed.clone()));
            if finding.verdict != Verdict::Pass && claim.reason.is_none() {
                claim.reason = Some(finding.reason.clone());
            }
        }
    }

    /// How many runs count.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.verdicts.len()
    }

    /// Who performed them.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// How many of them came to which verdict.
    #[must_use]
    pub fn verdicts(&self) -> Verdicts {
        self.verdicts.iter().copied().collect()
    }
}
