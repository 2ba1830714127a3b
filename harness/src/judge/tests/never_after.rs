//! What is not to happen once something has ended.

use super::{RecordBuilder, fails, no_data, passes};
use crate::objective::{Objective, logs, never_after, spans};

fn no_call_after_its_lease() -> Objective {
    never_after(spans("call"), logs("expired")).with_same("lease")
}

/// The lease `a` expires at 100 ms.
fn expired() -> RecordBuilder {
    RecordBuilder::new().log(100, "expired", "job=7 lease=a")
}

fn call(record: RecordBuilder, lease: &str, opened: u64) -> RecordBuilder {
    record.span_on("worker", 0, 0, ("call", &format!("job=7 lease={lease}")), opened, opened + 500)
}

#[test]
fn good() {
    // It goes on after the end, but it began before. Another lease is another lease.
    let record = call(call(expired(), "a", 90), "b", 200).build();
    let finding = passes(&record, no_call_after_its_lease(), "0");
    assert_eq!(finding.samples, 2);
}

#[test]
fn bad() {
    let record = call(call(expired(), "b", 50), "a", 130).build();
    let finding = fails(
        &record,
        no_call_after_its_lease(),
        "1 of 2 span \"call\" came after log \"expired\"; the first is on worker at 130 ms, 30 ms \
         too late: job=7 lease=a",
    );
    assert_eq!(finding.observed, "1");
}

#[test]
fn the_first_end_counts() {
    let record = call(expired().log(300, "expired", "job=7 lease=a"), "a", 200).build();
    fails(
        &record,
        no_call_after_its_lease(),
        "1 of 1 span \"call\" came after log \"expired\"; the first is on worker at 200 ms, 100 \
         ms too late: job=7 lease=a",
    );
}

#[test]
fn empty() {
    let reason = "no span \"call\" with a lease happened";
    no_data(&expired().build(), no_call_after_its_lease(), reason);
    let record = expired().span("call", "job=7", 200, 300).build();
    no_data(&record, no_call_after_its_lease(), reason);
}

#[test]
fn one_sample_and_nothing_that_ends() {
    passes(&call(RecordBuilder::new(), "a", 1).build(), no_call_after_its_lease(), "0");
}

#[test]
fn at_one_instant_only_one_host_has_an_order() {
    passes(&call(expired(), "a", 100).build(), no_call_after_its_lease(), "0");
    let call = |record: RecordBuilder| record.span("call", "job=7 lease=a", 100, 200);
    passes(
        &call(RecordBuilder::new()).log(100, "expired", "lease=a").build(),
        no_call_after_its_lease(),
        "0",
    );
    fails(
        &call(expired()).build(),
        no_call_after_its_lease(),
        "1 of 1 span \"call\" came after log \"expired\"; the first is on api at 100 ms, 0 ns too \
         late: job=7 lease=a",
    );
}
