//! What a renderer takes: a record, what was concluded from it, and what a reader needs besides.

use crate::{
    Record,
    verdict::{Finding, Judgement, Verdict},
};

/// One run, ready to be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What happened.
    pub record: &'a Record,
    /// What was concluded from it.
    pub judgement: &'a Judgement,
    /// The command that runs it again.
    pub replay: &'a str,
    /// The file that the scenario is written in, relative to the root of its repository, if it is
    /// known.
    pub source: Option<&'a str>,
}

impl Report<'_> {
    /// The scenario, with the defects that were switched on.
    pub(crate) fn title(&self) -> String {
        titled(&self.record.header.scenario, &self.record.header.defects)
    }
}

/// A finding's name with its scope.
pub(crate) fn title_of(finding: &Finding) -> String {
    match finding.scope.as_str() {
        "" => finding.name.clone(),
        scope => format!("{} [{scope}]", finding.name),
    }
}

/// The phase of a finding in a word.
pub(crate) fn place_of(finding: &Finding) -> &'static str {
    finding.phase.map_or("run", crate::record::Phase::name)
}

/// A scenario with its defects.
pub(crate) fn titled(scenario: &str, defects: &[String]) -> String {
    let defects: String = defects.iter().map(|defect| format!(" +{defect}")).collect();
    format!("{scenario}{defects}")
}

/// The findings that are not a pass, failures first.
pub(crate) fn open(findings: &[Finding]) -> Vec<&Finding> {
    let mut open: Vec<_> = findings.iter().filter(|it| it.verdict != Verdict::Pass).collect();
    open.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    open
}
