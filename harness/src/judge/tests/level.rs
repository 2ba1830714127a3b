//! Concurrency, gauges and leaks.

use squall_reports::{record::Phase, verdict::Verdict};

use super::{RecordBuilder, fails, no_data, on, passes};
use crate::objective::{concurrency_of, gauge, returns_to_baseline, spans};

/// Spans `call` of request 1, 2, 3, ... with these times.
fn calls(times: &[(u64, u64)]) -> RecordBuilder {
    (1..).zip(times).fold(RecordBuilder::new(), |record, (request, (opened, closed))| {
        record.span_of(request, 0, "call", "", *opened, *closed)
    })
}

#[test]
fn concurrency_good() {
    let record = calls(&[(0, 10), (5, 15), (12, 20)]).span("other", "", 0, 100).build();
    let finding = passes(&record, concurrency_of("call").at_most(4), "2");
    assert_eq!((finding.samples, finding.worst, finding.margin), (3, Some(2), Some(0.5)));
}

#[test]
fn concurrency_bad() {
    let finding = fails(
        &calls(&[(0, 30), (5, 25), (12, 20), (22, 40)]).build(),
        concurrency_of("call").at_most(2),
        "3 were open at once at 12 ms, 1 over the bound of 2 (4 spans)",
    );
    assert_eq!(finding.worst, Some(3));
}

#[test]
fn concurrency_empty() {
    no_data(
        &RecordBuilder::new().build(),
        concurrency_of("call").at_most(2),
        "no span \"call\" was open over the run",
    );
}

#[test]
fn concurrency_one_sample_at_the_bound() {
    let finding = passes(&calls(&[(3, 9)]).build(), concurrency_of("call").at_most(1), "1");
    assert_eq!(finding.margin, Some(0.0));
}

#[test]
fn one_that_opens_as_another_closes_is_not_beside_it() {
    passes(&calls(&[(0, 10), (10, 20), (20, 30)]).build(), concurrency_of("call").at_most(1), "1");
}

#[test]
fn spans_of_no_length_count_beside_those_that_are_open() {
    let brief = calls(&[(5, 5), (5, 5), (5, 5)]);
    passes(&brief.build(), concurrency_of("call").at_most(1), "1");
    let beside = calls(&[(0, 10), (5, 5), (5, 5)]);
    fails(
        &beside.build(),
        concurrency_of("call").at_most(1),
        "2 were open at once at 5 ms, 1 over the bound of 1 (3 spans)",
    );
}

#[test]
fn agrees_with_counting_at_every_instant() {
    let mut state = 1_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    for _ in 0..50 {
        let times: Vec<(u64, u64)> = (0..30)
            .map(|_| {
                let opened = next(60);
                (opened, opened + 1 + next(20))
            })
            .collect();
        let most = (0..100)
            .map(|at| times.iter().filter(|(from, until)| (*from..*until).contains(&at)).count())
            .max();
        let found = on(&calls(&times).build(), concurrency_of("call").at_most(1_000));
        assert_eq!(found[0].observed, most.unwrap_or_default().to_string(), "{times:?}");
    }
}

#[test]
fn what_stays_open_counts_in_each_phase() {
    let record = calls(&[(100, 3_500), (200, 1_500)]).build();
    let findings = on(&record, concurrency_of("call").at_most(1).in_every_phase());
    let observed: Vec<_> = findings.iter().map(|f| (f.verdict, f.observed.as_str())).collect();
    assert_eq!(
        observed,
        [(Verdict::Fail, "2"), (Verdict::Fail, "2"), (Verdict::Pass, "1"), (Verdict::Pass, "1")]
    );
    assert_eq!(findings[1].reason, "2 were open at once at 1 s, 1 over the bound of 1 (2 spans)");
}

#[test]
fn concurrency_of_some_hosts() {
    let record = RecordBuilder::new()
        .span_on("api", 1, 0, ("call", ""), 0, 10)
        .span_on("worker", 1, 0, ("call", ""), 0, 10)
        .build();
    passes(&record, concurrency_of("call").at_most(2), "2");
    passes(&record, concurrency_of(spans("call").on("work*")).at_most(1), "1");
    passes(&record, concurrency_of("call").at_most(1).on_host("api"), "1");
}

#[test]
fn gauge_good_at_the_bound_and_bad() {
    let record = RecordBuilder::new()
        .gauge("api", "queue", 10, 3)
        .gauge("worker", "queue", 20, 5)
        .gauge("api", "queue", 1_030, 4)
        .build();
    let finding = passes(&record, gauge("queue").at_most(10), "5");
    assert_eq!((finding.samples, finding.margin), (3, Some(0.5)));
    passes(&record, gauge("queue").at_most(5), "5");
    fails(
        &record,
        gauge("queue").at_most(4),
        "queue was 5 on worker at 20 ms, 1 over the bound of 4 (3 samples)",
    );
    passes(&record, gauge("queue").at_most(4).on_host("api"), "4");
    passes(&record, gauge("queue").at_most(4).in_phase(Phase::During), "4");
}

#[test]
fn gauge_empty_and_one_sample() {
    let record = RecordBuilder::new().gauge("api", "queue", 10, 0).build();
    passes(&record, gauge("queue").at_most(0), "0");
    no_data(&record, gauge("other").at_most(0), "no samples of other over the run");
    no_data(
        &record,
        gauge("queue").at_most(0).in_phase(Phase::During),
        "no samples of queue in phase during",
    );
}

/// Tasks on two hosts before the load and after it has settled.
fn tasks(api: (u64, u64), worker: (u64, u64)) -> RecordBuilder {
    RecordBuilder::new()
        .load(100, 3_000, 3_500)
        .gauge("api", "tasks", 50, 99)
        .gauge("api", "tasks", 100, api.0)
        .gauge("worker", "tasks", 100, worker.0)
        .gauge("api", "tasks", 2_000, 500)
        .gauge("api", "tasks", 3_500, api.1)
        .gauge("worker", "tasks", 3_500, worker.1)
        .gauge("api", "tasks", 3_600, 999)
}

#[test]
fn settles_good_bad_and_exactly() {
    let finding =
        passes(&tasks((4, 4), (7, 5)).build(), returns_to_baseline("tasks"), "4 to 4 on api");
    assert_eq!(finding.samples, 2);
    let leak = tasks((4, 6), (7, 10)).build();
    fails(
        &leak,
        returns_to_baseline("tasks"),
        "tasks on worker were 7 before the load and 10 after it had settled, 3 more (0 allowed)",
    );
    fails(
        &leak,
        returns_to_baseline("tasks").with_tolerance(2),
        "tasks on worker were 7 before the load and 10 after it had settled, 3 more (2 allowed)",
    );
    let finding =
        passes(&leak, returns_to_baseline("tasks").with_tolerance(3), "7 to 10 on worker");
    assert_eq!(finding.margin, Some(0.0));
    passes(&leak, returns_to_baseline("tasks").with_tolerance(2).on_host("api"), "4 to 6 on api");
}

#[test]
fn settles_empty() {
    no_data(
        &RecordBuilder::new().gauge("api", "tasks", 10, 1).build(),
        returns_to_baseline("tasks"),
        "the run has no load that begins and settles",
    );
    no_data(
        &RecordBuilder::new().load(100, 3_000, 3_500).build(),
        returns_to_baseline("tasks"),
        "no samples of tasks before the load",
    );
    // A sample from the middle of the load does not show how it settled.
    no_data(
        &RecordBuilder::new()
            .load(100, 3_000, 3_500)
            .gauge("api", "tasks", 100, 4)
            .gauge("api", "tasks", 2_000, 4)
            .build(),
        returns_to_baseline("tasks"),
        "no samples of tasks on api after the load",
    );
}

#[test]
fn a_gauge_is_no_whole_number() {
    let ratio = |value: f64| RecordBuilder::new().gauge("api", "ratio", 10, value).ok(0, 1).build();
    fails(
        &ratio(0.49),
        gauge("ratio").at_most(0),
        "ratio was 0.49 on api at 10 ms, 0.49 over the bound of 0 (1 sample)",
    );
    passes(&ratio(0.49), gauge("ratio").at_most(0.5), "0.49");
    passes(&ratio(-3.0), gauge("ratio").at_most(0), "-3");
    fails(
        &ratio(-3.0),
        gauge("ratio").at_least(0),
        "ratio was -3 on api at 10 ms, 3 under the bound of 0 (1 sample)",
    );
    let finding = fails(
        &ratio(f64::INFINITY),
        gauge("ratio").at_most(1e9),
        "ratio was inf on api at 10 ms, inf over the bound of 1,000,000,000 (1 sample)",
    );
    assert_eq!((finding.margin, finding.at), (None, Some(10_000_000)));
}

#[test]
fn judging_begins_with_the_load() {
    let record = RecordBuilder::new()
        .load(500, 3_000, 3_500)
        .gauge("api", "queue", 100, 99)
        .gauge("api", "queue", 600, 3)
        .span("call", "", 100, 200)
        .span("call", "", 150, 200)
        .span("call", "", 400, 700)
        .span("call", "", 600, 650)
        .build();
    passes(&record, gauge("queue").at_most(5), "3");
    fails(
        &record,
        gauge("queue").at_most(5).including_boot(),
        "queue was 99 on api at 100 ms, 94 over the bound of 5 (2 samples)",
    );
    // What is still open when the load begins counts from there on.
    let finding = passes(&record, concurrency_of("call").at_most(2), "2");
    assert_eq!(finding.samples, 2);
    let narrow = || concurrency_of("call").at_most(1);
    fails(&record, narrow(), "2 were open at once at 600 ms, 1 over the bound of 1 (2 spans)");
    let finding = fails(
        &record,
        narrow().including_boot(),
        "2 were open at once at 150 ms, 1 over the bound of 1 (4 spans)",
    );
    assert_eq!(finding.at, Some(150_000_000));
}
