//! What is judged of every run.

use squall_reports::{
    record::{EndCause, Outcome},
    verdict::{Finding, FindingKind, Verdict},
};

use super::{RecordBuilder, ms};
use crate::{
    judge::{Judgement, judge},
    objective::{Objective, availability, p99},
};

/// Judged by an objective that holds.
fn judged(record: RecordBuilder) -> Judgement {
    judge(&record.build(), &[p99().at_most(ms(1_000)).over_the_run()])
}

#[track_caller]
fn find(judgement: &Judgement, kind: FindingKind, name: &str) -> Finding {
    let found = judgement.findings.iter().find(|f| f.kind == kind && f.name == name);
    found.unwrap_or_else(|| panic!("no finding {name}: {judgement:#?}")).clone()
}

#[track_caller]
fn check_conservation(record: RecordBuilder, verdict: Verdict, reason: &str) -> Finding {
    let finding = find(&judged(record), FindingKind::Invariant, "conservation");
    assert_eq!((finding.verdict, finding.reason.as_str()), (verdict, reason));
    finding
}

#[test]
fn a_good_run_passes() {
    let judgement = judged(RecordBuilder::new().ok(0, 1).fault("slow pricing", 2_000, 3));
    assert_eq!(judgement.verdict, Verdict::Pass);
    let kinds: Vec<_> = judgement.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(
        kinds,
        [
            FindingKind::Objective,
            FindingKind::Invariant,
            FindingKind::Fault,
            FindingKind::Completion
        ]
    );
}

#[test]
fn without_an_objective_there_is_nothing_to_conclude() {
    let judgement = judge(&RecordBuilder::new().ok(0, 1).build(), &[]);
    assert_eq!(judgement.verdict, Verdict::NoData);
    let finding = find(&judgement, FindingKind::Objective, "objectives");
    assert_eq!(finding.reason, "the plan has no objective, so there is nothing to conclude");
}

#[test]
fn a_plan_without_a_load_has_nothing_to_conserve_and_can_pass() {
    let judged = |record: RecordBuilder, plan: serde_json::Value, objective: Objective| {
        let mut record = record.build();
        record.header.plan = plan;
        judge(&record, &[objective])
    };
    let without = || serde_json::json!({ "loads": [] });
    let with = || serde_json::json!({ "loads": [{}] });
    let work = || RecordBuilder::new().span("call", "outcome=ok", 10, 15).requests_sent(4_000, 0);
    let of_work = || availability().of_calls("call").at_least(1.0).over_the_run();
    let judgement = judged(work(), without(), of_work());
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
    assert!(judgement.findings.iter().all(|finding| finding.name != "conservation"));
    // A load that sent nothing is another matter, and so are requests that are there all the same.
    assert_eq!(judged(work(), with(), of_work()).verdict, Verdict::NoData);
    let lost = work().requests_sent(4_000, 2);
    assert_eq!(judged(lost, without(), of_work()).verdict, Verdict::Fail);
    let twice = work().ok(0, 1).requests_sent(4_000, 0);
    assert_eq!(judged(twice, without(), of_work()).verdict, Verdict::Fail);
    // Nor does it pass by having nothing to judge.
    let of_requests = judged(work(), without(), availability().at_least(1.0).over_the_run());
    assert_eq!(of_requests.verdict, Verdict::NoData);
    let idle = judged(RecordBuilder::new(), without(), of_work());
    assert_eq!(idle.verdict, Verdict::NoData);
}

#[test]
fn conservation_holds() {
    let mut record = RecordBuilder::new();
    for outcome in Outcome::ALL {
        record = record.request(outcome, 0, 1).request(outcome, 5, 1);
    }
    let finding = check_conservation(record, Verdict::Pass, "");
    assert_eq!(finding.observed, "10 = 2 succeeded + 2 degraded + 2 failed + 2 shed + 2 abandoned");
    check_conservation(RecordBuilder::new().ok(0, 1), Verdict::Pass, "");
}

#[test]
fn conservation_sees_what_is_missing_or_double() {
    check_conservation(
        RecordBuilder::new().ok(0, 1).numbered_from(3).ok(1, 1).numbered_from(6).ok(2, 1),
        Verdict::Fail,
        "3 of 6 requests never ended, the first of them request 2",
    );
    let finding = check_conservation(
        RecordBuilder::new().ok(0, 1).ok(1, 1).numbered_from(2).ok(2, 1),
        Verdict::Fail,
        "request 2 ended more than once",
    );
    assert_eq!(finding.worst, Some(2));
    check_conservation(
        RecordBuilder::new(),
        Verdict::NoData,
        "no request of the load came to an end",
    );
}

#[test]
fn conservation_believes_the_load_on_what_it_sent() {
    let three = || RecordBuilder::new().ok(0, 1).ok(1, 1).ok(2, 1);
    let finding = check_conservation(three().requests_sent(4_000, 3), Verdict::Pass, "");
    assert!(finding.observed.starts_with("3 = 3 succeeded"), "{}", finding.observed);
    // Requests that are lost at the very end leave no gap.
    let finding = check_conservation(
        three().requests_sent(4_000, 5),
        Verdict::Fail,
        "2 of 5 requests never ended, the first of them request 4",
    );
    assert!(finding.observed.starts_with("5 = 3 succeeded"), "{}", finding.observed);
    check_conservation(
        RecordBuilder::new().requests_sent(4_000, 1),
        Verdict::Fail,
        "1 of 1 request never ended, the first of them request 1",
    );
    check_conservation(
        RecordBuilder::new().ok(0, 1).numbered_from(3).ok(1, 1).requests_sent(4_000, 4),
        Verdict::Fail,
        "2 of 4 requests never ended, the first of them request 2",
    );
    check_conservation(
        three().requests_sent(4_000, 2),
        Verdict::Fail,
        "request 3 ended, but no more than 2 were sent",
    );
    check_conservation(
        RecordBuilder::new().requests_sent(4_000, 0),
        Verdict::NoData,
        "the load sent no request",
    );
    // The last count is the one that holds.
    check_conservation(three().requests_sent(3_000, 7).requests_sent(4_000, 3), Verdict::Pass, "");
    // A gauge of a host is not the load's.
    let record = three().gauge("api", "requests_sent", 4_000, 9);
    check_conservation(record, Verdict::Pass, "");
}

#[test]
fn a_fault_that_never_bit_makes_the_run_inconclusive() {
    let record = RecordBuilder::new().ok(0, 1).fault("slow pricing", 2_000, 3).fault(
        "lost packets",
        2_500,
        0,
    );
    let judgement = judged(record);
    assert_eq!(judgement.verdict, Verdict::NoData);
    let finding = find(&judgement, FindingKind::Fault, "slow pricing");
    assert_eq!((finding.verdict, finding.observed.as_str()), (Verdict::Pass, "3 packets"));
    let finding = find(&judgement, FindingKind::Fault, "lost packets");
    assert_eq!(finding.verdict, Verdict::NoData);
    assert_eq!(finding.reason, "the fault never bit: lost packets affected no packets");
}

#[test]
fn a_run_that_did_not_come_to_its_end_fails() {
    let judgement = judged(RecordBuilder::new().ok(0, 1));
    let finding = find(&judgement, FindingKind::Completion, "completion");
    assert_eq!((finding.verdict, finding.observed.as_str()), (Verdict::Pass, "after 4 s"));
    let cause =
        EndCause::Panicked { host: "api".to_owned(), message: "index out of bounds".to_owned() };
    let judgement = judged(RecordBuilder::new().ok(0, 1).ended(cause));
    assert_eq!(judgement.verdict, Verdict::Fail);
    let finding = find(&judgement, FindingKind::Completion, "completion");
    assert_eq!(finding.reason, "a task on host api panicked: index out of bounds");
}

#[test]
fn a_failure_outweighs_missing_data() {
    let record = RecordBuilder::new().ok(0, 50).fault("lost packets", 2_000, 0).build();
    let judgement = judge(&record, &[p99().at_most(ms(10)).over_the_run()]);
    assert_eq!(judgement.verdict, Verdict::Fail);
}
