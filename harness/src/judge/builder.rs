//! The parts of a finding that the objective alone decides, and the parts of the run it judges.

use squall_reports::{
    record::{OperationSpan, Phase},
    verdict::{Finding, FindingKind},
};

use super::{Conclude, blank, index::Index};
use crate::objective::{Objective, Over, Scope};

/// Starts the findings on one objective.
pub(super) struct FindingBuilder<'o> {
    pub(super) scope: &'o Scope,
    kind: FindingKind,
    pub(super) name: String,
    bound: String,
    restriction: String,
    /// The operation that the objective is judged by, as a phrase: `during drain a`.
    operation: Option<String>,
}

impl<'o> FindingBuilder<'o> {
    pub(super) fn new(objective: &'o Objective) -> Self {
        Self {
            scope: &objective.scope,
            kind: objective.kind(),
            name: objective.name(),
            bound: objective.bound(),
            restriction: objective.scope.describe(),
            operation: None,
        }
    }

    /// The same while an operation went on, in an index in which it is the phase `during`.
    pub(super) fn in_operation(mut self, span: &OperationSpan<'_>) -> Self {
        let during = format!("during {}", span.label);
        let over = if span.ended.is_some() { "" } else { ", which was never over" };
        let rest = match self.restriction.as_str() {
            "" => String::new(),
            others => format!(", {others}"),
        };
        self.restriction = format!("{during}{over}{rest}");
        self.operation = Some(during);
        self
    }

    /// Where a finding looked, to follow "was 3": `in phase during`, `during drain a`, `over the run`.
    pub(super) fn place(&self, phase: Option<Phase>) -> String {
        match (&self.operation, phase) {
            (Some(during), _) => during.clone(),
            (None, Some(phase)) => format!("in phase {phase}"),
            (None, None) => "over the run".to_owned(),
        }
    }

    /// A finding on `phase`, or on the whole run, with nothing concluded yet.
    pub(super) fn finding(&self, phase: Option<Phase>) -> Finding {
        let mut finding = blank(self.kind, &self.name, &self.bound);
        finding.scope.clone_from(&self.restriction);
        finding.phase = phase;
        finding
    }

    /// The phase of the index that one of the findings is on.
    pub(super) fn phase_of(&self, finding: &Finding) -> Option<Phase> {
        if self.operation.is_some() { Some(Phase::During) } else { finding.phase }
    }

    /// Does the run have the part that one of the findings is on?
    pub(super) fn is_in_run(&self, finding: &Finding, index: &Index<'_>) -> bool {
        let phase = self.phase_of(finding);
        phase.is_none_or(|phase| index.phases.iter().any(|span| span.phase == phase))
    }

    /// Had the part that one of the findings is on come to its end when the run did? One that the
    /// run does not have has nothing to wait for.
    pub(super) fn is_over(&self, finding: &Finding, index: &Index<'_>) -> bool {
        self.phase_of(finding).is_some_and(|phase| index.is_over(phase))
    }

    /// One finding for each part of the run that the objective judges by itself. A phase that the
    /// run does not have is no data.
    pub(super) fn for_each_part(
        &self,
        index: &Index<'_>,
        mut judge: impl FnMut(Finding) -> Finding,
    ) -> Vec<Finding> {
        let phases: Vec<Phase> = match &self.scope.over {
            // An operation is a phase of its own index by now.
            Over::Run | Over::EachOperation | Over::Operation(_) => {
                return vec![judge(self.finding(None))];
            }
            Over::EachPhase => index.phases.iter().map(|span| span.phase).collect(),
            Over::Phases(phases) => phases.clone(),
        };
        let has = |phase| index.phases.iter().any(|span| span.phase == phase);
        let mut findings: Vec<Finding> = phases
            .into_iter()
            .map(|phase| match self.finding(Some(phase)) {
                finding if has(phase) => judge(finding),
                finding => finding.no_data(format!("the run has no phase {phase}")),
            })
            .collect();
        if findings.is_empty() {
            findings.push(self.finding(None).no_data("the run has no phases"));
        }
        if self.operation.is_some() {
            findings.iter_mut().for_each(|finding| finding.phase = None);
        }
        findings
    }
}
