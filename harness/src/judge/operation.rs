//! Judges what is restricted to operations.
//!
//! The time of an operation is made the phase `during` of an index of its own, with what came
//! before as its baseline. So every claim that can judge a phase judges an operation as well, and in
//! the same way: a request belongs to it if it was meant to start while the operation went on.

use std::cell::OnceCell;

use squall_reports::{
    Record,
    record::{OperationSpan, Phase, PhaseSpan},
};

use super::{Conclude, FindingBuilder, Index, consequence::Concluded, findings_on};
use crate::objective::{Objective, Over};

/// The operations of a record that began.
pub(super) struct Operations<'a> {
    record: &'a Record,
    all: Vec<Operation<'a>>,
}

/// An operation, and the index in which it is a phase; made when it is first asked for.
struct Operation<'a> {
    span: OperationSpan<'a>,
    until: u64,
    index: OnceCell<Index<'a>>,
}

impl<'a> Operations<'a> {
    pub(super) fn new(record: &'a Record, index: &Index<'a>) -> Self {
        // One that was never over goes on until the load ends: nothing is asked after that.
        let end = index.load_ends.unwrap_or(record.end.at);
        let operation = |span: OperationSpan<'a>| Operation {
            span,
            until: span.ended.map_or(end, |(at, _)| at).max(span.from),
            index: OnceCell::new(),
        };
        Self { record, all: record.operations().into_iter().map(operation).collect() }
    }

    /// The findings on an objective that is restricted to operations: at least one.
    pub(super) fn findings_on(&self, objective: &Objective) -> Vec<Concluded> {
        let none = |reason: &str| {
            let finding = FindingBuilder::new(objective).finding(None).no_data(reason);
            let is_unfinished = self.were_cut_off(objective);
            vec![Concluded::alone(finding).unfinished(is_unfinished)]
        };
        let Over::Operation(label) = &objective.scope.over else {
            let lasting = self.all.iter().filter(|it| it.until > it.span.from);
            let findings: Vec<Concluded> =
                lasting.flat_map(|it| it.findings_on(objective, self.record)).collect();
            if findings.is_empty() {
                return none("no operation took any time in this run");
            }
            return findings;
        };
        match self.all.iter().find(|it| it.span.label == *label) {
            None => none(&format!("{label} never began in this run")),
            Some(operation) if operation.until == operation.span.from => {
                none(&format!("{label} was over at once"))
            }
            Some(operation) => operation.findings_on(objective, self.record),
        }
    }

    /// Was the run cut short before an operation that `objective` is on was to begin?
    fn were_cut_off(&self, objective: &Objective) -> bool {
        let (header, end) = (&self.record.header, &self.record.end);
        let mut planned = header.operations.iter().filter(|it| match &objective.scope.over {
            Over::Operation(label) => it.label == *label,
            _ => true,
        });
        !end.cause.is_complete() && planned.any(|it| it.at >= end.at)
    }
}

impl<'a> Operation<'a> {
    fn findings_on(&self, objective: &Objective, record: &'a Record) -> Vec<Concluded> {
        let index = self.index.get_or_init(|| Index::in_phases(record, self.phases()));
        let mut restricted = objective.clone();
        restricted.scope.over = Over::Phases(vec![Phase::During]);
        let builder = FindingBuilder::new(&restricted).in_operation(&self.span);
        findings_on(&restricted, &builder, index)
    }

    /// Before it, during it, after it.
    fn phases(&self) -> Vec<PhaseSpan> {
        let cuts = [0, self.span.from, self.until, u64::MAX];
        [Phase::Baseline, Phase::During, Phase::After]
            .into_iter()
            .zip(cuts.windows(2))
            .map(|(phase, cut)| PhaseSpan { phase, from: cut[0], until: cut[1] })
            .collect()
    }
}
