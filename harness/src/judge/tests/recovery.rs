//! The time to recover.

use squall_reports::{record::Outcome, verdict::Verdict, words};

use super::{RecordBuilder, fails, ms, no_data, passes};
use crate::objective::{Objective, availability, failed, p99, recovers};

/// A request every 10 ms up to 4 s; a fault is healed at 2 s; those intended before `until` fail.
fn failing_until(until: u64) -> RecordBuilder {
    let record = RecordBuilder::new().fault("outage", 2_000, 1);
    (0..400).map(|place| place * 10).fold(record, |record, at| {
        if (1_000..until).contains(&at) { record.bad(at, 5) } else { record.ok(at, 5) }
    })
}

fn recovery(within: u64) -> Objective {
    recovers(availability().at_least(0.99)).holding_for(ms(500)).within(ms(within))
}

#[test]
fn good() {
    let finding = passes(&failing_until(2_300).build(), recovery(1_000), "290 ms");
    assert_eq!(finding.samples, 200);
    // The last that failed before it had recovered.
    assert_eq!(finding.worst, Some(230));
    passes(&failing_until(2_000).build(), recovery(1_000), "0 ns");
}

#[test]
fn bad() {
    fails(
        &failing_until(2_300).build(),
        recovery(200),
        "recovery of availability at least 99 % took 290 ms, 90 ms over the bound of 200 ms (200 \
         samples)",
    );
    let finding = fails(
        &failing_until(3_900).build(),
        recovery(1_000),
        "availability at least 99 % never held for 500 ms in the 1.99 s of load after the last \
         heal (200 samples)",
    );
    assert_eq!((finding.observed.as_str(), finding.worst), ("not recovered", Some(390)));
}

/// A request every 10 ms before the fault and from `from` until `until`, all good.
fn load_between(from: u64, until: u64) -> RecordBuilder {
    let record = RecordBuilder::new().fault("outage", 2_000, 1).load(0, 4_000, 4_000);
    (0..100).chain(from / 10..until / 10).fold(record, |record, place| record.ok(place * 10, 5))
}

#[test]
fn empty() {
    no_data(
        &RecordBuilder::new().ok(0, 1).build(),
        recovery(1_000),
        "no fault was healed in this run",
    );
    no_data(
        &load_between(0, 0).build(),
        recovery(1_000),
        "no load was meant to start after the last heal: expected some throughout a window of 500 \
         ms that begins within 1 s",
    );
}

#[test]
fn a_window_needs_load_throughout() {
    let too_little = |last: &str| {
        format!(
            "expected load throughout a window of 500 ms after the last heal, with no more than \
             125 ms without any; the last was meant to start {last} after it"
        )
    };
    // The plan goes on, the load does not.
    no_data(&load_between(2_000, 2_060).build(), recovery(1_000), &too_little("50 ms"));
    // One request, wherever it is, is no load.
    for at in [2_000, 2_250, 2_499] {
        let record = load_between(0, 0).ok(at, 5).build();
        no_data(&record, recovery(1_000), &too_little(&words::time((at - 2_000) * 1_000_000)));
    }
    // A quarter of the window without any is allowed, and no more.
    let each = |gap: u64| {
        (0..8).fold(load_between(0, 0), |record, place| record.ok(2_000 + place * gap, 5)).build()
    };
    passes(&each(125), recovery(1_000), "0 ns");
    no_data(&each(126), recovery(1_000), &too_little("882 ms"));
    // Load that begins only when recovery should be over says nothing of it.
    no_data(
        &load_between(3_300, 4_000).build(),
        recovery(1_000),
        "load began 1.175 s after the last heal: expected some throughout a window of 500 ms that \
         begins within 1 s",
    );
}

#[test]
fn the_load_is_that_of_the_route() {
    let record = load_between(2_000, 4_000).routed("GET /y", Outcome::Succeeded, 2_499, 5).build();
    let on = |route: &str| {
        recovers(availability().at_least(0.99).on_route(route)).holding_for(ms(500)).within(ms(500))
    };
    passes(&record, on("GET /x"), "0 ns");
    let finding = super::one(&record, on("GET /y"));
    assert_eq!(finding.verdict, Verdict::NoData, "{finding:#?}");
}

#[test]
fn clients_that_hang_ask_nothing() {
    // A closed load: after the heal each client waits for an answer that does not come.
    let record = load_between(2_000, 2_040);
    let record = (2_040..2_050).fold(record, |record, at| record.bad(at, 1_900)).build();
    let finding = super::one(&record, recovery(1_000));
    assert_eq!(finding.verdict, Verdict::NoData, "{finding:#?}");
}

#[test]
fn one_good_answer_among_the_shed_is_no_recovery() {
    let record = load_between(0, 0);
    let record = (200..400).fold(record, |record, place| {
        let outcome = if place == 249 { Outcome::Succeeded } else { Outcome::Shed };
        record.request(outcome, place * 10, 1)
    });
    let latency = recovers(p99().at_most(ms(50))).holding_for(ms(500)).within(ms(1_000));
    fails(
        &record.build(),
        latency,
        "p99 latency at most 50 ms never held for 500 ms in the 1.99 s of load after the last heal \
         (1 sample)",
    );
}

#[test]
fn calls_need_the_load_that_makes_them() {
    // The breaker is open at first: the load asks, and nobody is called.
    let record = (200..400).fold(load_between(2_000, 4_000), |record, place| match place {
        ..280 => record,
        _ => record.span("call", "dependency=pricing outcome=ok", place * 10, place * 10 + 5),
    });
    let calls = |within| {
        recovers(availability().at_least(0.99).to_dependency("pricing"))
            .holding_for(ms(500))
            .within(ms(within))
    };
    let record = record.build();
    passes(&record, calls(1_000), "675 ms");
    let finding = super::one(&record, calls(600));
    assert_eq!(finding.verdict, Verdict::Fail, "{finding:#?}");
}

#[test]
fn exactly_the_bound_is_allowed() {
    let took = std::time::Duration::from_nanos(290_000_001);
    let objective =
        |within| recovers(availability().at_least(0.99)).holding_for(ms(500)).within(within);
    let record = failing_until(2_300).build();
    assert_eq!(passes(&record, objective(took), "290.000001 ms").margin, Some(0.0));
    fails(
        &record,
        objective(took - std::time::Duration::from_nanos(1)),
        "recovery of availability at least 99 % took 290.000001 ms, 1 ns over the bound of 290 ms (200 \
         samples)",
    );
}

#[test]
fn a_relapse_is_no_recovery() {
    // Good for 300 ms after the heal, then bad again for 100 ms: too short to count.
    let record = RecordBuilder::new().fault("outage", 2_000, 1);
    let record = (200..400).map(|place| place * 10).fold(record, |record, at| {
        if (2_300..2_400).contains(&at) { record.bad(at, 5) } else { record.ok(at, 5) }
    });
    passes(&record.build(), recovery(1_000), "390 ms");
}

#[test]
fn a_latency_recovers_too() {
    let record = RecordBuilder::new().fault("slow", 2_000, 1);
    let record = (0..400).map(|place| place * 10).fold(record, |record, at| {
        record.ok(at, if (1_000..2_250).contains(&at) { 300 } else { 20 })
    });
    let record = record.build();
    let at_most = |times: f64| {
        recovers(p99().at_most_times_baseline(times)).holding_for(ms(500)).within(ms(1_000))
    };
    passes(&record, at_most(2.0), "240 ms");
    passes(&record, at_most(20.0), "0 ns");
    let absolute = recovers(p99().at_most(ms(50))).holding_for(ms(500)).within(ms(1_000));
    passes(&record, absolute, "240 ms");
}

#[test]
fn a_count_recovers_too() {
    let objective = recovers(failed().none()).holding_for(ms(500)).within(ms(1_000));
    passes(&failing_until(2_300).build(), objective, "290 ms");
}

#[test]
fn the_baseline_may_be_missing() {
    let record = RecordBuilder::new()
        .fault("slow", 2_000, 1)
        .request(Outcome::Shed, 0, 1)
        .ok(2_000, 1)
        .ok(3_000, 1)
        .build();
    no_data(
        &record,
        recovers(p99().at_most_times_baseline(2.0)).holding_for(ms(500)).within(ms(1_000)),
        "the baseline has no latency to compare with",
    );
}
