//! What is measured of a run.

use super::{add, empty, passed};
use crate::{
    compare::{Unit, Worse, extract::measures},
    fixture,
    record::{Event, EventKind, Gauge, Outcome, UNDIGESTED},
    verdict::{Finding, Judgement},
};

fn shown(record: &crate::Record, judgement: &Judgement) -> Vec<String> {
    let values = measures(record, judgement);
    values.iter().map(|(measure, value)| format!("{measure}: {}", measure.shown(*value))).collect()
}

#[test]
fn a_run_in_measures() {
    let judgement = fixture::judged([fixture::passed(), fixture::failed()]);
    let found = shown(&fixture::record(), &judgement);
    for expected in [
        "passes, run: 0 %",
        "requests sent, baseline: 2",
        "requests sent [route GET /x], during: 2",
        "requests sent [route PUT /x], during: 0",
        "succeeded, baseline: 100 %",
        "degraded, during: 50 %",
        "failed [route GET /x], during: 50 %",
        "attempts per request, during: 1",
        // 10 ms and 20 ms, from the intended start; the 50th percentile is one of them.
        "p50 latency, baseline: 10 ms",
        "p99 latency, baseline: 20 ms",
        "p99 latency [route PUT /x], baseline: 20 ms",
        "p99 latency, during: 154 ms",
        "margin of p99 latency [route GET /x], baseline: 90 %",
        "margin of p99 latency [route GET /x], during: -54 %",
        "highest tasks, api: 4",
        "affected packets [latency api -> reviews 150 ms], run: 1,234",
    ] {
        assert!(found.iter().any(|line| line == expected), "{expected} is not in {found:#?}");
    }
    assert!(!found.iter().any(|line| line.starts_with("p99 latency [route PUT /x], during")));
}

#[test]
fn who_was_not_waited_for_has_no_latency() {
    let mut record = empty(1);
    for (outcome, latency) in [(Outcome::Failed, 3), (Outcome::Shed, 90), (Outcome::Abandoned, 91)]
    {
        add(&mut record, "GET /x", outcome, latency);
    }
    let found = shown(&record, &passed());
    assert!(found.iter().any(|line| line == "p99 latency, baseline: 3 ms"), "{found:#?}");
    assert!(!found.iter().any(|line| line.contains("latency [route") && line.starts_with('p')));
}

#[test]
fn every_measure_says_which_way_is_worse() {
    for (measure, _) in measures(&fixture::record(), &passed()) {
        let (unit, worse) = match measure.name.as_str() {
            "passes" | "succeeded" => (Unit::Fraction, Worse::Lower),
            "degraded" | "failed" | "shed" => (Unit::Fraction, Worse::Higher),
            "abandoned" => (Unit::Fraction, Worse::Neither),
            "attempts per request" => (Unit::Count, Worse::Higher),
            name if name.ends_with("latency") && name.starts_with('p') => {
                (Unit::Nanoseconds, Worse::Higher)
            }
            name if name.starts_with("margin of") => (Unit::Fraction, Worse::Lower),
            _ => (Unit::Count, Worse::Neither),
        };
        assert_eq!((measure.unit, measure.worse), (unit, worse), "{measure}");
    }
}

#[test]
fn of_a_gauge_the_highest_counts_and_memory_does_not() {
    let mut record = empty(1);
    for (name, value) in [("sockets", 3.0), ("sockets", 9.0), ("sockets", 1.0), (UNDIGESTED, 40.0)]
    {
        let name = record.symbols.intern(name);
        let gauge = Gauge { host: 1, name, value };
        record.events.push(Event { at: 1, what: EventKind::Gauge(gauge) });
    }
    let found = shown(&record, &passed());
    assert!(found.iter().any(|line| line == "highest sockets, api: 9"), "{found:#?}");
    assert!(!found.iter().any(|line| line.contains(UNDIGESTED)), "{found:#?}");
}

#[test]
fn objectives_of_one_name_are_two_measures_and_no_record_has_too_many() {
    let twice = fixture::judged([fixture::passed(), fixture::passed()]);
    let found = shown(&empty(1), &twice);
    let margins = found.iter().filter(|line| line.starts_with("margin of")).count();
    assert_eq!(margins, 2, "{found:#?}");
    let finding = |number: usize| Finding { name: format!("of {number}"), ..fixture::passed() };
    let many = Judgement::of((0..5_000).map(finding).collect());
    let mut record = empty(1);
    for number in 0..5_000 {
        add(&mut record, &format!("GET /{number}"), Outcome::Succeeded, 1);
    }
    let found = measures(&record, &many).len();
    assert!(found < 2_000, "{found} measures");
    let wrong = Finding { margin: Some(f64::NAN), ..fixture::passed() };
    let found = shown(&empty(1), &fixture::judged([wrong]));
    assert!(!found.iter().any(|line| line.starts_with("margin of")), "{found:#?}");
}
