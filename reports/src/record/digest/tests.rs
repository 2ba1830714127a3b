//! Tests of the digest, and of where two records part.

use super::{Digest, first_divergence};
use crate::{
    Record, fixture,
    record::{ALL_HOSTS, EndCause, Event, EventKind, Gauge, Symbols, UNDIGESTED},
};

/// A changed record has another digest.
#[track_caller]
fn check_differs(change: impl FnOnce(&mut Record)) {
    let mut record = fixture::record();
    let before = record.digest();
    change(&mut record);
    assert_ne!(record.digest(), before);
}

#[test]
fn equal_records_have_equal_digests() {
    assert_eq!(fixture::record().digest(), fixture::record().digest());
}

#[test]
fn all_that_happened_matters() {
    check_differs(|record| record.events[2].at += 1);
    check_differs(|record| record.events.swap(2, 3));
    check_differs(|record| drop(record.events.pop()));
    check_differs(|record| record.header.seed += 1);
    check_differs(|record| record.header.defects.clear());
    check_differs(|record| record.header.hosts[1] = "web".to_owned());
    check_differs(|record| record.header.faults[0].heal += 1);
    check_differs(|record| record.header.phases[0].until += 1);
    check_differs(|record| record.end.at += 1);
    check_differs(|record| record.end.cause = EndCause::Interrupted);
}

#[test]
fn the_names_matter_not_only_their_numbers() {
    check_differs(|record| {
        let renamed = record.symbols.iter().map(|name| match name {
            "GET /x" => "GET /y",
            other => other,
        });
        record.symbols = renamed.collect::<Symbols>();
    });
}

#[test]
fn the_plan_and_the_hypothesis_are_no_part_of_it() {
    let mut record = fixture::record();
    let before = record.digest();
    record.header.plan = serde_json::json!(null);
    record.header.hypothesis.clear();
    assert_eq!(record.digest(), before);
}

#[test]
fn more_events_than_a_block_are_all_hashed() {
    let mut record = fixture::record();
    let event = record.events[2].clone();
    record.events.extend(std::iter::repeat_n(event, 20_000));
    let before = record.digest();
    record.events[10_000].at += 1;
    assert_ne!(record.digest(), before);
}

#[test]
fn is_written_and_read_as_hexadecimal_digits() {
    let digest = fixture::record().digest();
    let text = digest.to_string();
    assert_eq!(text.len(), 32);
    let json = serde_json::to_string(&digest).expect("json");
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Digest>(&json).expect("a digest"), digest);
    for wrong in ["\"\"", "\"abc\"", "7", "\"zz000000000000000000000000000000\""] {
        assert!(serde_json::from_str::<Digest>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn equal_records_do_not_part() {
    assert_eq!(first_divergence(&fixture::record(), &fixture::record()), None);
}

#[test]
fn names_the_first_event_that_differs_with_its_neighbours() {
    let (left, mut right) = (fixture::record(), fixture::record());
    right.events[5].at += 1;
    right.events[8].at += 1;
    let found = first_divergence(&left, &right).expect("they part");
    assert_eq!((found.index, found.host.as_deref()), (5, Some("api")));
    assert_eq!(
        found.to_string(),
        "the runs part at event 5 (host: api)
    both   12.000000 ms client: request 1 GET /x succeeded status 200 attempts 1 intended 2000000 \
         started 2000000
    both   30.000000 ms client: request 2 PUT /x succeeded status 200 attempts 1 intended 10000000 \
         started 10000000
    both   100.000000 ms -: fault latency api -> reviews 150 ms: Inject, affected 0
    first  125.000000 ms api: span 3 of 2 for request 3: call dependency=pricing outcome=ok opened \
         112000000
    second 125.000001 ms api: span 3 of 2 for request 3: call dependency=pricing outcome=ok opened \
         112000000"
    );
}

#[test]
fn one_record_may_be_longer() {
    let (left, mut right) = (fixture::record(), fixture::record());
    right.events.pop();
    let found = first_divergence(&left, &right).expect("they part");
    assert_eq!(found.index, right.events.len());
    assert_eq!(found.right, None);
    assert!(found.to_string().ends_with("second the record ends here"), "{found}");
}

#[test]
fn equal_numbers_for_other_names_part() {
    let (left, mut right) = (fixture::record(), fixture::record());
    right.symbols = left
        .symbols
        .iter()
        .map(|name| if name == "call" { "query" } else { name })
        .collect::<Symbols>();
    let found = first_divergence(&left, &right).expect("they part");
    let first_call = left.events.iter().position(
        |event: &Event| matches!(event.what, EventKind::Span(span) if left.text(span.name) == "call"),
    );
    assert_eq!(Some(found.index), first_call);
    assert!(found.right.expect("an event").contains("query"));
}

#[test]
fn the_gauge_of_memory_is_no_part_of_the_digest() {
    let gauge = |name: &str, value| {
        let mut record = fixture::record();
        record.symbols.intern(UNDIGESTED);
        let name = record.symbols.intern(name);
        let gauge = Gauge { host: ALL_HOSTS, name, value };
        record.events.push(Event { at: 9, what: EventKind::Gauge(gauge) });
        record
    };
    assert_eq!(gauge(UNDIGESTED, 0.0).digest(), gauge(UNDIGESTED, 4.0).digest());
    assert_eq!(first_divergence(&gauge(UNDIGESTED, 0.0), &gauge(UNDIGESTED, 4.0)), None);
    assert_ne!(gauge("sockets", 0.0).digest(), gauge("sockets", 4.0).digest());
}
