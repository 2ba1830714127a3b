//! The trace, read as a viewer reads it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::trace_events;
use crate::{Record, Report, fixture};

fn events() -> Vec<Value> {
    events_of(&fixture::record())
}

fn events_of(record: &Record) -> Vec<Value> {
    let judgement = fixture::judged([fixture::failed()]);
    let report = Report { record, judgement: &judgement, replay: "again", source: None };
    let document: Value = serde_json::from_str(&trace_events(&report)).expect("JSON");
    assert_eq!(document["otherData"]["requests_left_out"], 0);
    assert_eq!(document["otherData"]["backend"], "simulation");
    document["traceEvents"].as_array().expect("a list").clone()
}

fn of_phase(phase: &str) -> Vec<Value> {
    events().into_iter().filter(|event| event["ph"] == phase).collect()
}

#[test]
fn each_host_is_a_process_and_faults_are_another() {
    let names: BTreeMap<u64, String> = of_phase("M")
        .iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| {
            let name = event["args"]["name"].as_str().expect("a name").to_owned();
            (event["pid"].as_u64().expect("a number"), name)
        })
        .collect();
    let expected = [(1, "faults"), (2, "client"), (3, "api")];
    assert_eq!(names, expected.map(|(pid, name)| (pid, name.to_owned())).into());
    let slices = of_phase("X");
    let fault = slices.iter().find(|event| event["cat"] == "fault").expect("a fault");
    assert_eq!((&fault["ts"], &fault["dur"]), (&100_000.0.into(), &200_000.0.into()));
    assert_eq!(fault["args"]["affected"], 1_234);
}

#[test]
fn operations_are_tracks_of_their_own() {
    let events = events_of(&fixture::operated());
    let process = events.iter().find(|event| event["args"]["name"] == "operations");
    let pid = &process.expect("a process")["pid"];
    let slices = events.iter().filter(|event| event["cat"] == "operation");
    let seen: Vec<_> = slices
        .map(|it| {
            assert_eq!(&it["pid"], pid);
            (
                it["name"].as_str(),
                it["ts"].as_f64(),
                it["dur"].as_f64(),
                it["args"]["outcome"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("rollout of web"), Some(50_000.0), Some(100_000.0), Some("rolled back")),
            (Some("drain a"), Some(200_000.0), Some(200_000.0), Some("not over")),
        ]
    );
    let tracks = events.iter().filter(|it| &it["pid"] == pid && it["name"] == "thread_name");
    let names: Vec<_> = tracks.map(|it| it["args"]["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["rollout of web", "drain a"]);
}

#[test]
fn every_slice_of_a_track_lies_inside_another_or_apart() {
    let mut tracks: BTreeMap<(u64, u64), Vec<(f64, f64)>> = BTreeMap::new();
    for slice in of_phase("X") {
        let number = |field: &str| slice[field].as_f64().expect("a number");
        let track = (slice["pid"].as_u64().expect("one"), slice["tid"].as_u64().expect("one"));
        let (from, length) = (number("ts"), number("dur"));
        tracks.entry(track).or_default().push((from, from + length));
    }
    for slices in tracks.values() {
        for (a, b) in slices.iter().flat_map(|a| slices.iter().map(move |b| (a, b))) {
            let crosses = a.0 < b.0 && b.0 < a.1 && a.1 < b.1;
            assert!(!crosses, "{a:?} and {b:?}");
        }
    }
    assert_eq!(tracks.values().map(Vec::len).sum::<usize>(), 4 + 3 + 1, "requests, spans, fault");
}

#[test]
fn arrows_lead_from_a_request_to_what_works_for_it() {
    let starts = of_phase("s");
    let ends = of_phase("f");
    assert_eq!((starts.len(), ends.len()), (4, 1));
    assert_eq!(ends[0]["id"], 3);
    let start = starts.iter().find(|start| start["id"] == 3).expect("its beginning");
    assert_eq!((&start["pid"], &start["ts"]), (&2.into(), &110_000.0.into()));
    assert_eq!((&ends[0]["pid"], &ends[0]["ts"]), (&3.into(), &111_000.0.into()));
}

#[test]
fn logs_and_gauges_are_points() {
    assert_eq!(of_phase("i")[0]["name"], "breaker opened");
    assert_eq!(of_phase("C")[0]["args"]["value"], 4.0);
}
