//! Objectives that are restricted to operations on a cluster.

use squall_reports::record::{OperationState, Outcome, Record};

use super::{RecordBuilder, fails, ms, no_data, on, passes};
use crate::objective::{
    availability, concurrency_of, gauge, logs, never, p99, retry_amplification, spans,
};

/// A rollout from 1.5 s to 2.5 s that is taken back, a cordon at 3 s that is over at once, and a
/// drain from 3.2 s on that never is. The load ends at 3.6 s.
fn operated(build: impl FnOnce(RecordBuilder) -> RecordBuilder) -> Record {
    let record = RecordBuilder::new()
        .load(0, 3_600, 4_000)
        .operation("rollout of web", 1_500, Some((2_500, OperationState::RolledBack)))
        .operation("cordon a", 3_000, Some((3_000, OperationState::Completed)))
        .operation("drain a", 3_200, None)
        .planned("rollout of web (2)");
    build(record).build()
}

#[test]
fn a_request_belongs_to_an_operation_if_it_was_meant_to_start_while_it_went_on() {
    let record = operated(|record| {
        record
            // Under way when it begins, and ends meanwhile.
            .ok(1_499, 700)
            .ok(1_500, 10)
            .ok(2_499, 40)
            // Begins when it is over.
            .ok(2_500, 900)
            .ok(3_300, 600)
    });
    let rollout = p99().at_most(ms(50)).in_operation("rollout of web");
    let finding = passes(&record, rollout, "40 ms");
    assert_eq!((finding.samples, finding.phase), (2, None));
    assert_eq!(finding.scope, "during rollout of web");
    fails(
        &record,
        p99().at_most(ms(20)).in_operation("rollout of web"),
        "p99 latency was 40 ms during rollout of web, 20 ms over the bound of 20 ms (2 samples)",
    );
    // The same bound over the run is another matter.
    fails(
        &record,
        p99().at_most(ms(50)).over_the_run(),
        "p99 latency was 900 ms over the run, 850 ms over the bound of 50 ms (5 samples)",
    );
}

#[test]
fn one_that_was_never_over_lasts_until_the_load_ends_and_says_so() {
    let record = operated(|record| record.ok(3_100, 1).bad(3_599, 5).ok(3_600, 1));
    let finding = fails(
        &record,
        availability().at_least(1.0).in_operation("drain a"),
        "availability: 0 % during drain a, under the bound of 100 % (0 of 1 request)",
    );
    assert_eq!(finding.scope, "during drain a, which was never over");
}

#[test]
fn each_operation_is_judged_by_itself_but_for_what_was_over_at_once() {
    let record = operated(|record| record.ok(1_600, 10).ok(3_300, 90));
    let findings = on(&record, p99().at_most(ms(50)).during_operations());
    let seen: Vec<_> =
        findings.iter().map(|it| (it.scope.as_str(), it.observed.as_str())).collect();
    assert_eq!(
        seen,
        [("during rollout of web", "10 ms"), ("during drain a, which was never over", "90 ms")]
    );
}

#[test]
fn an_operation_without_anything_to_judge_is_no_data() {
    let record = operated(|record| record.ok(100, 10));
    let in_operation = |label: &str| p99().at_most(ms(50)).in_operation(label);
    no_data(&record, in_operation("cordon a"), "cordon a was over at once");
    no_data(
        &record,
        in_operation("rollout of web (2)"),
        "rollout of web (2) never began in this run",
    );
    no_data(
        &record,
        in_operation("rollout of web"),
        "no request during rollout of web has a latency to judge",
    );
    let none = RecordBuilder::new().ok(100, 10).build();
    no_data(
        &none,
        p99().at_most(ms(50)).during_operations(),
        "no operation took any time in this run",
    );
}

#[test]
fn log_events_gauges_and_spans_belong_to_an_operation_as_well() {
    let record = operated(|record| {
        record
            .routed("GET /x", Outcome::Succeeded, 1_600, 100)
            .log(1_400, "lost", "")
            .log(2_000, "found", "")
            .gauge("api", "queue", 1_400, 9)
            .gauge("api", "queue", 2_000, 3)
            .span_of(1, 0, "call", "", 1_610, 1_620)
            .span_of(1, 0, "call", "", 1_615, 1_625)
            // Open when the operation begins, beside another one that is not.
            .span_of(0, 0, "job", "", 1_000, 1_550)
            .span_of(0, 0, "job", "", 1_100, 1_200)
    });
    let label = "rollout of web";
    passes(&record, never(logs("lost")).in_operation(label), "0");
    assert_eq!(on(&record, never(logs("found")).in_operation(label))[0].observed, "1");
    passes(&record, gauge("queue").at_most(3).in_operation(label), "3");
    passes(&record, retry_amplification(spans("call")).at_most(2.0).in_operation(label), "2x");
    passes(&record, concurrency_of(spans("job")).at_most(1).in_operation(label), "1");
    passes(&record, concurrency_of(spans("job")).at_most(2), "2");
}

#[test]
fn the_baseline_of_an_operation_is_the_time_before_it() {
    let record = operated(|record| record.ok(100, 10).ok(1_200, 10).ok(1_600, 30));
    let bound = |times| p99().at_most_times_baseline(times).in_operation("rollout of web");
    assert_eq!(on(&record, bound(3.0))[0].reason, "");
    assert!(on(&record, bound(2.9))[0].reason.contains("during rollout of web"));
}
