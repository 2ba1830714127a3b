//! What follows from another finding, and what looks as if it did.

use squall_reports::{
    record::{Outcome, Phase, Record},
    verdict::{Finding, Verdict},
};

use super::{RecordBuilder, ms};
use crate::{
    judge::judge,
    objective::{
        Objective, accounting, availability, count, error_budget, eventually, every, failed,
        failed_otherwise_than, gauge, logs, never, p50, p99, recovers, returns_to_baseline,
        sequence, sometimes, wrong,
    },
};

fn during(objective: Objective) -> Objective {
    objective.in_phase(Phase::During)
}

/// Each finding that follows from something, with what it follows from, and why.
fn following(record: &Record, objectives: &[Objective]) -> Vec<String> {
    let judgement = judge(record, objectives);
    let findings = &judgement.findings;
    let name = |finding: &Finding| match (finding.scope.as_str(), finding.phase) {
        ("", None) => finding.name.clone(),
        ("", Some(phase)) => format!("{} {phase}", finding.name),
        (scope, _) => format!("{} {scope}", finding.name),
    };
    let told = findings.iter().filter_map(|finding| {
        let follows = finding.follows.as_ref()?;
        assert_ne!(finding.verdict, Verdict::Pass, "{finding:#?}");
        for cause in &follows.from {
            assert_eq!(findings[*cause].follows, None, "{finding:#?}");
            assert!(findings[*cause].verdict >= finding.verdict, "{finding:#?}");
        }
        let from: Vec<String> = follows.from.iter().map(|it| name(&findings[*it])).collect();
        Some(format!("{} <- {}: {}", name(finding), from.join(" + "), follows.why))
    });
    told.collect()
}

/// Three requests that fail after half a second, among others.
fn three_fail() -> RecordBuilder {
    let record = RecordBuilder::new().ok(0, 5).ok(1_000, 5).ok(2_000, 5).ok(3_000, 5);
    record.bad(1_100, 500).bad(1_200, 500).bad(1_300, 500)
}

#[test]
fn the_same_requests_are_one_cause() {
    let objectives = [
        error_budget(0.9).spent_at_most(1.0),
        during(availability().at_least(0.99)),
        during(p99().at_most(ms(100))),
        during(p99().at_most(ms(600))),
    ];
    // The latency is over its bound before the requests have failed.
    assert_eq!(
        following(&three_fail().build(), &objectives),
        [
            "error budget of 90 % <- p99 latency during: the same 3 requests",
            "availability during <- p99 latency during: the same 3 requests",
        ]
    );
}

#[test]
fn one_request_more_or_less_is_another_matter() {
    let objectives = [during(availability().at_least(0.99)), during(p99().at_most(ms(100)))];
    // Slow, and it did not fail.
    assert!(following(&three_fail().ok(1_400, 500).build(), &objectives).is_empty());
    // Failed, and it was not slow.
    assert!(following(&three_fail().bad(1_400, 5).build(), &objectives).is_empty());
}

/// What is worse than a failure is not put below it.
#[test]
fn a_few_wrong_answers_among_many_failures_stand_by_themselves() {
    let record = || RecordBuilder::new().answered(Outcome::Failed, 503);
    let record = record().answered(Outcome::Failed, 503).answered(Outcome::Failed, 200).build();
    let all = availability().at_least(0.99).over_the_run();
    let objectives = [all.clone(), wrong().none().over_the_run()];
    assert!(following(&record, &objectives).is_empty());
    // Unless the rest of the failures is shown, too.
    let objectives =
        [all, wrong().none().over_the_run(), { failed_otherwise_than(200).none().over_the_run() }];
    assert_eq!(
        following(&record, &objectives),
        [
            "availability <- wrong answers + requests that failed otherwise than with 200: the same 3 \
          requests"
        ]
    );
}

#[test]
fn what_fails_in_two_parts_fails_as_a_whole_for_these() {
    let record = || {
        let record = RecordBuilder::new().routed("GET /x", Outcome::Failed, 1_100, 5);
        record.routed("GET /y", Outcome::Failed, 1_200, 5)
    };
    let on = |route: &str| availability().at_least(0.99).on_route(route).over_the_run();
    let objectives = [failed().none().over_the_run(), on("GET /x"), on("GET /y")];
    assert_eq!(
        following(&record().build(), &objectives),
        ["failed requests <- availability route GET /x + availability route GET /y: the same 2 \
          requests"]
    );
    let more = record().routed("GET /z", Outcome::Failed, 1_300, 5).build();
    assert!(following(&more, &objectives).is_empty());
}

#[test]
fn a_call_that_is_slow_makes_its_request_fail() {
    let call = |record: RecordBuilder, request, to: &str, from, until| {
        record.span_of(request, 0, "call", &format!("dependency={to} outcome=ok"), from, until)
    };
    let record = (5..8).zip([1_100, 1_200, 1_300]).fold(three_fail(), |record, (request, at)| {
        let record = call(record, request, "reviews", at + 5, at + 400);
        call(record, request, "pricing", at + 5, at + 400)
    });
    let record = record.build();
    let slow = |to: &str| p99().at_most(ms(100)).over_the_run().to_dependency(to);
    let available = during(availability().at_least(0.99));
    let found = following(&record, &[available.clone(), slow("reviews")]);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("availability during <- p99 latency"), "{found:?}");
    assert!(found[0].ends_with("dependency reviews: the same 3 requests"), "{found:?}");
    // One dependency is not the cause of another one.
    let found = following(&record, &[slow("reviews"), slow("pricing")]);
    assert!(found.is_empty(), "{found:?}");
    // Nor is a request the cause of its calls.
    let found = following(&record, &[during(p50().at_most(ms(1))), slow("reviews")]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_went_wrong_first_is_the_cause() {
    // The calls are over their bound only after the requests have failed.
    let record = RecordBuilder::new().bad(1_000, 5).span_of(1, 0, "call", "", 1_001, 1_900);
    let calls = p99().at_most(ms(100)).over_the_run().of_calls(crate::objective::spans("call"));
    let objectives = [during(availability().at_least(0.99)), calls];
    assert!(following(&record.build(), &objectives).is_empty());
}

#[test]
fn what_never_recovers_is_what_fails_after_the_heal() {
    let record = (0..400).map(|place| place * 10).fold(
        RecordBuilder::new().load(0, 4_000, 4_000).fault("outage", 2_000, 1),
        |record, at| if at < 1_000 { record.ok(at, 5) } else { record.bad(at, 5) },
    );
    let holds = || availability().at_least(0.99);
    let objectives = [holds(), recovers(holds()).holding_for(ms(500)).within(ms(1_000))];
    assert_eq!(
        following(&record.build(), &objectives),
        ["recovery of availability at least 99 % <- availability recovery + availability after: \
          the same 200 requests"]
    );
}

/// Cut short in the middle of the fault.
fn cut_short() -> RecordBuilder {
    RecordBuilder::new()
        .load(0, 4_000, 4_000)
        .fault("outage", 2_000, 1)
        .gauge("api", "tasks", 0, 1)
        .ok(10, 5)
        .log(1_000, "began", "")
        .cut_short(1_500)
}

const CUT: &str = "<- completion: the run was cut short";

#[test]
fn what_a_run_did_not_come_to_follows_from_its_end() {
    let objectives = [
        p99().at_most(ms(100)),
        recovers(availability().at_least(0.99)).holding_for(ms(500)).within(ms(1_000)),
        returns_to_baseline("tasks"),
        eventually(logs("ended")),
        sometimes(logs("ended")),
        every(logs("began"), logs("ended")),
        sequence([logs("began"), logs("ended")]),
        accounting(count(logs("began"))).equals(count(logs("ended"))),
        availability().at_least(1.0).in_operation("drain a"),
    ];
    let mut record = cut_short().planned("drain a").build();
    record.header.operations[0].at = 3_000_000_000;
    let found = following(&record, &objectives);
    let names: Vec<&str> = found.iter().map(|it| it.strip_suffix(CUT).unwrap_or(it)).collect();
    let expected = [
        "p99 latency during ",
        "p99 latency recovery ",
        "p99 latency after ",
        "recovery of availability at least 99 % ",
        "tasks return to baseline ",
        "eventually log \"ended\" ",
        "sometimes log \"ended\" ",
        "every log \"began\" is followed ",
        "sequence ",
        "accounting of log \"began\" ",
        "availability ",
        "outage ",
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_a_run_had_come_to_by_its_end_stands_by_itself() {
    let objectives = [
        // The baseline was over.
        p99().at_most(ms(100)).on_route("GET /never").in_phase(Phase::Baseline),
        // Compared with a baseline that has nothing to compare with.
        p99().at_most_times_baseline(2.0).on_route("GET /never"),
        // Nobody samples it: the load had begun.
        gauge("memory").at_most(3),
        returns_to_baseline("memory"),
        // It was late by then.
        every(logs("began"), logs("ended")).soon(ms(400)),
        // It went wrong.
        never(logs("began")),
        during(availability().at_least(0.99)),
    ];
    let record = cut_short().bad(1_100, 5).build();
    let findings = judge(&record, &objectives).findings;
    let open = findings.iter().filter(|it| it.verdict != Verdict::Pass).count();
    assert!(open > objectives.len(), "{findings:#?}");
    assert_eq!(following(&record, &objectives), [format!("outage {CUT}")]);
    // In time, it might have.
    let soon = every(logs("began"), logs("ended")).soon(ms(600));
    assert!(following(&record, &[soon])[0].contains("is followed"));
}

#[test]
fn without_a_request_nothing_on_requests_has_data() {
    let record = || RecordBuilder::new().only(Phase::During).log(10, "began", "");
    let objectives = [
        availability().at_least(0.99).over_the_run(),
        p99().at_most(ms(100)),
        during(p50().at_most(ms(100))),
        availability().at_least(0.99).in_phase(Phase::After),
        availability().at_least(0.99).over_the_run().to_dependency("reviews"),
    ];
    assert_eq!(
        following(&record().build(), &objectives),
        [
            "availability <- conservation: no request came to an end",
            "p99 latency during <- conservation: no request came to an end",
            "p50 latency during <- conservation: no request came to an end",
        ]
    );
    let found = following(&record().cut_short(5).build(), &objectives);
    assert!(found.iter().all(|it| it.ends_with(CUT)), "{found:?}");
}
