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
    passes(&jobs(19), stored().or_before(), "2 of 2");
    passes(&jobs(500), stored().or_before(), "2 of 2");
    let never = RecordBuilder::new().log(5, "stored", "job=2").log(10, "accepted", "job=1").build();
    fails(
        &never,
        stored().or_before(),
        "1 of 1 were not followed by log \"stored\"; the first at 10 ms: job=1",
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

/// Two log events at one instant, on these hosts.
fn together(first: (&str, &str), second: (&str, &str)) -> squall_reports::Record {
    [first, second]
        .into_iter()
        .fold(RecordBuilder::new(), |record, (host, message)| {
            record.log_as(host, Level::Info, "service", 10, message, "job=1")
        })
        .build()
}

#[test]
fn at_one_instant_only_one_host_has_an_order() {
    let stored = || only_after(logs("acknowledged"), logs("stored")).with_same("job");
    let answered = || every(logs("stored"), logs("acknowledged")).with_same("job");
    let right = together(("api", "stored"), ("api", "acknowledged"));
    passes(&right, stored(), "1 of 1");
    passes(&right, answered(), "1 of 1");
    let wrong = together(("api", "acknowledged"), ("api", "stored"));
    let finding = fails(&wrong, stored(), "1 of 1 came too early; the first at 10 ms: job=1");
    assert_eq!(finding.at, Some(10_000_000));
    fails(
        &wrong,
        answered(),
        "1 of 1 were not followed by log \"acknowledged\"; the first at 10 ms: job=1",
    );
    // Nobody knows which of two hosts was first.
    for record in [
        together(("api", "acknowledged"), ("worker", "stored")),
        together(("worker", "stored"), ("api", "acknowledged")),
    ] {
        passes(&record, stored(), "1 of 1");
        passes(&record, answered(), "1 of 1");
    }
    // Nothing comes before itself, and nothing follows itself.
    let once = RecordBuilder::new().log(10, "stored", "job=1").build();
    fails(
        &once,
        only_after(logs("stored"), logs("stored")),
        "1 of 1 came too early; the first at 10 ms: job=1",
    );
    fails(
        &once,
        every(logs("stored"), logs("stored")),
        "1 of 1 were not followed by log \"stored\"; the first at 10 ms: job=1",
    );
}

#[test]
fn spans_and_logs_of_one_instant_are_in_the_order_in_which_they_began() {
    let logged_inside = || only_after(logs("stored"), spans("store"));
    // The span closes, and is entered, later than what is logged inside of it.
    let inside = RecordBuilder::new().span("store", "", 10, 30).log(10, "stored", "").build();
    passes(&inside, logged_inside(), "1 of 1");
    let before = RecordBuilder::new().log(10, "stored", "").span("store", "", 10, 30).build();
    fails(&before, logged_inside(), "1 of 1 came too early; the first at 10 ms: ");
}

#[test]
fn judging_begins_with_the_load() {
    let record = RecordBuilder::new()
        .load(500, 3_000, 3_500)
        .log(100, "shed", "")
        .log(200, "warm", "")
        .log(600, "served", "")
        .warm_up_span("call", "outcome=error", 700, 800)
        .span("call", "outcome=ok", 750, 800)
        .build();
    passes(&record, never(logs("shed")), "0");
    fails(
        &record,
        never(logs("shed")).including_boot(),
        "log \"shed\" happened 1 time over the run, at most 0 allowed; the first too many at \
         100 ms",
    );
    fails(
        &record,
        sometimes(logs("shed")),
        "log \"shed\" happened 0 times over the run, expected at least 1",
    );
    // What comes first may have come before the load.
    passes(&record, only_after(logs("served"), logs("warm")), "1 of 1");
    // Work for requests that warm up is not judged, even while the load goes on.
    let ok = || always("call", any_span().with("outcome", "ok"));
    passes(&record, ok(), "1 of 1");
    fails(
        &record,
        ok().including_boot(),
        "1 of 2 over the run are not any span outcome=ok; the first is on api at 700 ms: \
         outcome=error",
    );
}

#[test]
fn a_name_that_was_never_seen_is_noted_with_the_nearest() {
    let record = RecordBuilder::new()
        .log(10, "job accepted", "job=1")
        .log(20, "job stored", "job=1")
        .span("external call", "outcome=ok", 30, 40)
        .build();
    let note = |objective| super::one(&record, objective).note;
    assert_eq!(
        note(never(logs("job acepted"))),
        "a log message \"job acepted\" was never seen in this run; the nearest that was is \"job \
         accepted\""
    );
    assert_eq!(note(never(logs("fire"))), "a log message \"fire\" was never seen in this run");
    assert_eq!(
        note(never(spans("external call").with("outcom", "error"))),
        "a field outcom was never seen in this run; the nearest that was is \"outcome\""
    );
    // All of its parts were seen, only not together: that is what the claim is about.
    assert_eq!(note(never(spans("external call").with("outcome", "error"))), "");
    assert_eq!(note(never(logs("job stored").with("job", "2"))), "");
    assert_eq!(note(sometimes(logs("job stored"))), "");
    let calls = crate::objective::failed().none().of_calls("external cal");
    let finding = super::one(&record, calls);
    assert_eq!(
        finding.note,
        "a span \"external cal\" was never seen in this run; the nearest that was is \"external \
         call\""
    );
}

#[test]
fn values_are_compared_whole_whatever_is_in_them() {
    use squall_reports::record::TEXT_BYTES_CUT;
    // As pairs: neither a space nor an equals sign in a value begins another attribute.
    let record = RecordBuilder::new()
        .log_with(10, "lost", &[("error", "reset by peer job=9"), ("job", "7")])
        .log_with(20, "late", &[("body", &"x".repeat(100)), ("job", "7")])
        .build();
    for what in ["lost", "late"] {
        let finding = super::one(&record, never(logs(what).with("job", "7")));
        assert_eq!(finding.verdict, squall_reports::verdict::Verdict::Fail, "{finding:#?}");
    }
    passes(&record, never(logs("lost").with("job", "9")), "0");
    passes(&record, sometimes(logs("lost").with("error", "reset by peer*")), "1");
    let too_long = never(logs("late").with("body", "x".repeat(TEXT_BYTES_CUT + 1)));
    let finding = super::one(&record, too_long);
    assert!(finding.reason.contains("give its beginning and a *"), "{}", finding.reason);
}
