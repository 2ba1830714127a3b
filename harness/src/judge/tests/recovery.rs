//! The time to recover.

use squall_reports::record::Outcome;

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

#[test]
fn empty() {
    no_data(
        &RecordBuilder::new().ok(0, 1).build(),
        recovery(1_000),
        "no fault was healed in this run",
    );
    no_data(
        &RecordBuilder::new().fault("outage", 2_000, 1).ok(10, 1).build(),
        recovery(1_000),
        "the load went on for 0 ns after the last heal, too short for a window of 500 ms",
    );
    no_data(
        &RecordBuilder::new().fault("outage", 2_000, 1).ok(2_100, 1).build(),
        recovery(1_000),
        "the load went on for 100 ms after the last heal, too short for a window of 500 ms",
    );
}

#[test]
fn one_sample() {
    // The end of the load is known from its mark, so one request can show a whole window.
    let record = || RecordBuilder::new().fault("outage", 2_000, 1).load(0, 3_000, 4_000);
    passes(&record().ok(2_100, 1).build(), recovery(1_000), "0 ns");
    fails(
        &record().bad(2_100, 1).build(),
        recovery(1_000),
        "availability at least 99 % never held for 500 ms in the 1 s of load after the last heal \
         (1 sample)",
    );
}

#[test]
fn exactly_the_bound_is_allowed() {
    let took = std::time::Duration::from_nanos(290_000_001);
    let objective =
        |within| recovers(availability().at_least(0.99)).holding_for(ms(500)).within(within);
    let record = failing_until(2_300).build();
    assert_eq!(passes(&record, objective(took), "290 ms").margin, Some(0.0));
    fails(
        &record,
        objective(took - std::time::Duration::from_nanos(1)),
        "recovery of availability at least 99 % took 290 ms, 1 ns over the bound of 290 ms (200 \
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
