//! Tests of the judge, on records made by hand: for each kind of claim a good run, a bad one, an
//! empty one, one with a single sample, and one that is exactly at the bound.

mod accounting;
mod balance;
mod budget;
mod builder;
mod consequence;
mod latency;
mod level;
mod lifetime;
mod never_after;
mod occurrence;
mod operation;
mod order;
mod pace;
mod recovery;
mod retries;
mod scope;
mod share;
mod standing;

use std::time::Duration;

use squall_reports::{
    Record,
    verdict::{Finding, FindingKind, Verdict},
};

use super::judge;
use crate::objective::Objective;
use builder::RecordBuilder;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The findings on one objective, without those that every run has.
fn on(record: &Record, objective: Objective) -> Vec<Finding> {
    let mut findings = judge(record, &[objective]).findings;
    let standing = findings.iter().position(|finding| finding.name == "conservation");
    findings.truncate(standing.expect("conservation is always judged"));
    findings
}

/// The only finding on an objective.
#[track_caller]
fn one(record: &Record, objective: Objective) -> Finding {
    let mut findings = on(record, objective);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

#[track_caller]
fn passes(record: &Record, objective: Objective, observed: &str) -> Finding {
    let finding = one(record, objective);
    assert_eq!(finding.verdict, Verdict::Pass, "{finding:#?}");
    assert_eq!(finding.observed, observed);
    assert_eq!(finding.reason, "");
    finding
}

#[track_caller]
fn fails(record: &Record, objective: Objective, reason: &str) -> Finding {
    let finding = one(record, objective);
    assert_eq!(finding.reason, reason);
    assert_eq!(finding.verdict, Verdict::Fail, "{finding:#?}");
    finding
}

#[track_caller]
fn no_data(record: &Record, objective: Objective, reason: &str) -> Finding {
    let finding = one(record, objective);
    assert_eq!(finding.reason, reason);
    assert_eq!(finding.verdict, Verdict::NoData, "{finding:#?}");
    finding
}

#[test]
fn an_invalid_objective_fails_with_its_reason() {
    let record = RecordBuilder::new().ok(0, 1).build();
    let finding = fails(
        &record,
        crate::objective::percentile(101.0).at_most(ms(1)),
        "the objective \"p101 latency\" is not valid: expected a percentile above 0 and at most \
         100, found 101",
    );
    assert_eq!(finding.kind, FindingKind::Objective);
}
