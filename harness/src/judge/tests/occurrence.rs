//! What always, never, sometimes or eventually happens.

use squall_reports::record::{Level, Phase};

use super::{RecordBuilder, fails, ms, no_data, passes};
use crate::objective::{
    always, any_log, any_span, eventually, every, logs, never, once_per, only_after, sometimes,
    spans,
};

fn logged(times: u64) -> RecordBuilder {
    (0..times).fold(RecordBuilder::new(), |record, at| record.log(10 * at, "shed", "by=bulkhead"))
}

#[test]
fn never_good_bad_and_empty() {
    let record = logged(3).build();
    let finding = passes(&record, never(logs("lost")), "0");
    // It rests on all that was logged.
    assert_eq!(finding.samples, 3);
    fails(
        &record,
        never(logs("shed")),
        "log \"shed\" happened 3 times over the run, at most 0 allowed; the first too many at 0 ns",
    );
    no_data(
        &RecordBuilder::new().build(),
        never(logs("lost")),
        "the record has no log event at all",
    );
    no_data(&record, never("lost"), "the record has no span at all");
}

#[test]
fn sometimes_good_bad_one_and_exactly() {
    passes(&logged(1).build(), sometimes(logs("shed")), "1");
    fails(
        &logged(3).build(),
        sometimes(logs("lost")),
        "log \"lost\" happened 0 times over the run, expected at least 1",
    );
    let range = || sometimes(logs("shed")).times_at_least(2).times_at_most(3);
    passes(&logged(2).build(), range(), "2");
    passes(&logged(3).build(), range(), "3");
    fails(
        &logged(1).build(),
        range(),
        "log \"shed\" happened 1 time over the run, expected at least 2",
    );
    fails(
        &logged(4).build(),
        range(),
        "log \"shed\" happened 4 times over the run, at most 3 allowed; the first too many at \
         30 ms",
    );
}

#[test]
fn patterns_see_level_target_fields_and_host() {
    let record = RecordBuilder::new()
        .log_as("api", Level::Warn, "api::breaker", 5, "opened for pricing", "dependency=pricing")
        .log_as("worker", Level::Error, "worker", 1_006, "lost", "")
        .build();
    passes(&record, sometimes(logs("opened*").with("dependency", "pri*")), "1");
    passes(&record, sometimes(any_log().target("api*")), "1");
    passes(&record, sometimes(any_log().at_least(Level::Warn)), "2");
    passes(&record, never(any_log().at_least(Level::Error).on("api")), "0");
    passes(&record, never(any_log().at_least(Level::Error)).on_host("api"), "0");
    passes(&record, never(any_log().at_least(Level::Error)).in_phase(Phase::Baseline), "0");
    passes(&record, sometimes(any_log().having("dependency")), "1");
    passes(&record, never(any_log().with("dependency", "reviews")), "0");
}

#[test]
fn always_good_bad_and_empty() {
    let record = RecordBuilder::new()
        .span("call", "dependency=pricing outcome=ok", 0, 5)
        .span_of(2, 0, "call", "dependency=pricing outcome=timeout", 7, 9)
        .build();
    let finding =
        passes(&record, always("call", any_span().with("dependency", "pricing")), "2 of 2");
    assert_eq!(finding.samples, 2);
    let finding = fails(
        &record,
        always("call", any_span().with("outcome", "ok")),
        "1 of 2 over the run are not any span outcome=ok; the first is on api at 7 ms: \
         dependency=pricing outcome=timeout",
    );
    assert_eq!((finding.worst, finding.observed.as_str()), (Some(2), "1 of 2"));
    no_data(&record, always("job", any_span()), "span \"job\" never happened over the run");
    let logs_too = always(logs("shed"), any_log().with("by", "bulkhead"));
    passes(&logged(1).build(), logs_too, "1 of 1");
}

#[test]
fn eventually_good_bad_empty_and_exactly() {
    let closed = |at| RecordBuilder::new().fault("outage", 2_000, 1).log(at, "closed", "").build();
    passes(&closed(2_300), eventually(logs("closed")), "300 ms after");
    passes(&closed(2_000), eventually(logs("closed")), "0 ns after");
    passes(&closed(2_300), eventually(logs("closed")).soon(ms(300)), "300 ms after");
    fails(
        &closed(2_300),
        eventually(logs("closed")).soon(ms(299)),
        "log \"closed\" first happened 300 ms after the last heal, 1 ms over the bound of 299 ms",
    );
    fails(
        &closed(1_900),
        eventually(logs("closed")),
        "log \"closed\" never happened after the last heal",
    );
    no_data(
        &RecordBuilder::new().log(1, "closed", "").build(),
        eventually(logs("closed")),
        "no fault was healed in this run",
    );
}

#[test]
fn every_good_bad_empty_and_exactly() {
    let jobs = |second_stored: u64| {
        RecordBuilder::new()
            .log(10, "accepted", "job=1")
            .log(20, "accepted", "job=2")
            .log(30, "stored", "job=1")
            .log(second_stored, "stored", "job=2")
            .build()
    };
    let stored = || every(logs("accepted"), logs("stored")).with_same("job");
    passes(&jobs(500), stored(), "2 of 2");
    passes(&jobs(20), stored(), "2 of 2");
    passes(&jobs(120), stored().soon(ms(100)), "2 of 2");
    let finding = fails(
        &jobs(121),
        stored().soon(ms(100)),
        "1 of 2 were not followed by log \"stored\" within 100 ms; the first at 20 ms: job=2",
    );
    assert_eq!((finding.samples, finding.observed.as_str()), (2, "1 of 2"));
    fails(
        &jobs(19),
        stored(),
        "1 of 2 were not followed by log \"stored\"; the first at 20 ms: job=2",
    );
    // Without the number of the job any will do.
    passes(&jobs(19), every(logs("accepted"), logs("stored")), "2 of 2");
    no_data(&logged(1).build(), stored(), "there was nothing to follow");
}

#[test]
fn only_after_good_bad_and_empty() {
    let record = RecordBuilder::new()
        .log(10, "stored", "job=1")
        .log(10, "acknowledged", "job=1")
        .log(20, "acknowledged", "job=2")
        .log(30, "stored", "job=2")
        .build();
    let stored = || only_after(logs("acknowledged"), logs("stored")).with_same("job");
    let finding = fails(&record, stored(), "1 of 2 came too early; the first at 20 ms: job=2");
    assert_eq!((finding.samples, finding.observed.as_str()), (2, "1 of 2"));
    // Without the number of the job any will do.
    passes(&record, only_after(logs("acknowledged"), logs("stored")), "2 of 2");
    // At one instant there is no order.
    let record =
        RecordBuilder::new().log(10, "acknowledged", "job=1").log(10, "stored", "job=1").build();
    passes(&record, stored(), "1 of 1");
    // What never came first was not waited for either.
    let record = RecordBuilder::new().log(10, "acknowledged", "job=1").build();
    fails(&record, stored(), "1 of 1 came too early; the first at 10 ms: job=1");
    no_data(&logged(1).build(), stored(), "log \"acknowledged\" never happened");
}

#[test]
fn once_per_good_bad_and_empty() {
    let record = RecordBuilder::new()
        .log(10, "stored", "job=1")
        .log(20, "stored", "job=2")
        .log(25, "stored", "")
        .build();
    let finding = passes(&record, once_per("job", logs("stored")), "1 time");
    assert_eq!(finding.samples, 2);
    let record = RecordBuilder::new()
        .span("store", "job=1", 10, 11)
        .span("store", "job=2", 20, 21)
        .span_of(9, 0, "store", "job=1", 30, 31)
        .build();
    let finding = fails(
        &record,
        once_per("job", spans("store")),
        "span \"store\" happened more than once for 1 of 2 values over the run; first for job=1, \
         again at 30 ms",
    );
    assert_eq!((finding.worst, finding.observed.as_str()), (Some(9), "2 times"));
    no_data(
        &logged(1).build(),
        once_per("job", logs("stored")),
        "no log \"stored\" with a job happened over the run",
    );
}
