//! A run as Chrome trace events, for Perfetto and `chrome://tracing`: a process for each host, the
//! faults and the operations as tracks of their own, spans with arrows from the request that they
//! work for.
//!
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>

mod lanes;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::lanes::Lanes;
use crate::{
    Record, Report,
    choice::drawn,
    record::{Event, EventKind, Request, RequestId},
};

/// The process of the faults; that of host `n` is `n + 2`.
const FAULTS: u64 = 1;

/// The process of the operations, which no host has.
const OPERATIONS: u64 = 100_000;

/// Faults that are drawn, and operations.
const FAULTS_MAX: usize = 1_000;
const OPERATIONS_MAX: usize = 1_000;

/// Log lines and samples of gauges that are drawn, and spans of no request: the first ones.
const POINTS_MAX: usize = 100_000;
const BACKGROUND_MAX: usize = 100_000;

/// The track of a host on which its states are; spans lie on the next ones.
const STATES: u64 = 0;

/// `report` as one JSON document.
#[must_use]
pub fn trace_events(report: &Report<'_>) -> String {
    let record = report.record;
    let drawn = drawn(record);
    let left_out = record.requests().count() - drawn.len();
    let points = record.events.iter().filter(|event| is_point(event)).count();
    let background = record.spans().filter(|(_, span)| span.request == 0).count();
    let mut events = Vec::new();
    name_processes(record, &mut events);
    draw_faults(record, &mut events);
    draw_operations(record, &mut events);
    draw_states(record, &mut events);
    draw_work(record, &drawn, &mut events);
    draw_points(record, &mut events);
    let document = json!({
        "displayTimeUnit": "ms",
        "otherData": {
            "scenario": report.title(),
            "backend": record.header.backend.name(),
            "seed": record.header.seed.to_string(),
            "digest": record.digest().to_string(),
            "verdict": report.judgement.verdict.name(),
            "replay": report.replay,
            "requests_left_out": left_out,
            "points_left_out": points.saturating_sub(POINTS_MAX),
            "background_spans_left_out": background.saturating_sub(BACKGROUND_MAX),
        },
        "traceEvents": events,
    });
    document.to_string()
}

/// Times are microseconds, to the nanosecond.
#[expect(clippy::cast_precision_loss, reason = "exact for runs of up to a hundred days")]
fn us(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

fn process_of(host: u16) -> u64 {
    u64::from(host) + 2
}

fn name_processes(record: &Record, events: &mut Vec<Value>) {
    let mut name = |pid: u64, place: u64, name: &str| {
        events.push(json!({
            "ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": { "name": name },
        }));
        events.push(json!({
            "ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0,
            "args": { "sort_index": place },
        }));
    };
    name(FAULTS, FAULTS, "faults");
    if !record.header.operations.is_empty() {
        name(OPERATIONS, FAULTS, "operations");
    }
    for (host, text) in (0..).zip(&record.header.hosts) {
        name(process_of(host), process_of(host), text);
    }
}

fn name_track(pid: u64, tid: u64, name: &str) -> Value {
    json!({ "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": { "name": name } })
}

fn draw_faults(record: &Record, events: &mut Vec<Value>) {
    let end = record.end.at;
    let faults = record.header.faults.iter().zip(record.affected());
    let acted = faults.filter(|(fault, _)| fault.inject <= end).take(FAULTS_MAX);
    for (tid, (fault, affected)) in (1_u64..).zip(acted) {
        events.push(name_track(FAULTS, tid, &fault.kind));
        events.push(json!({
            "ph": "X", "cat": "fault", "name": fault.label, "pid": FAULTS, "tid": tid,
            "ts": us(fault.inject), "dur": us(fault.heal.min(end).saturating_sub(fault.inject)),
            "args": { "affected": affected, "counts": fault.counts },
        }));
    }
}

/// The operations that began. One that was never over lasts until the end of the run.
fn draw_operations(record: &Record, events: &mut Vec<Value>) {
    let operations = record.operations().into_iter().take(OPERATIONS_MAX);
    for (tid, operation) in (1_u64..).zip(operations) {
        let until = operation.ended.map_or(record.end.at, |(at, _)| at);
        events.push(name_track(OPERATIONS, tid, operation.label));
        events.push(json!({
            "ph": "X", "cat": "operation", "name": operation.label, "pid": OPERATIONS, "tid": tid,
            "ts": us(operation.from), "dur": us(until.saturating_sub(operation.from)),
            "args": { "outcome": operation.outcome() },
        }));
    }
}

/// Each state of a host lasts until the next one.
fn draw_states(record: &Record, events: &mut Vec<Value>) {
    let mut since: BTreeMap<u16, (u64, String)> = BTreeMap::new();
    let mut draw = |host: u16, from: u64, until: u64, state: &str| {
        events.push(json!({
            "ph": "X", "cat": "host", "name": state, "pid": process_of(host), "tid": STATES,
            "ts": us(from), "dur": us(until.saturating_sub(from)),
        }));
    };
    for event in &record.events {
        let EventKind::Host { host, state } = event.what else { continue };
        if let Some((from, before)) = since.insert(host, (event.at, format!("{state:?}"))) {
            draw(host, from, event.at, &before);
        }
    }
    for (host, (from, state)) in &since {
        draw(*host, *from, record.end.at, state);
    }
    for host in since.keys() {
        events.push(name_track(process_of(*host), STATES, "host"));
    }
}

/// A slice on a track: a request as its client saw it, or a span.
struct Slice {
    from: u64,
    until: u64,
    request: RequestId,
    /// Where an arrow begins or ends.
    arrow: Option<&'static str>,
    event: Value,
}

/// Requests and spans, on as many tracks for each host as it takes for those of a track to lie
/// inside each other or apart.
fn draw_work(record: &Record, drawn: &BTreeSet<RequestId>, events: &mut Vec<Value>) {
    let mut hosts: BTreeMap<u16, Vec<Slice>> = BTreeMap::new();
    let mut background = 0;
    for event in &record.events {
        match &event.what {
            EventKind::Request(request) if drawn.contains(&request.id) => {
                hosts.entry(request.client).or_default().push(of_request(record, event, request));
            }
            EventKind::Span(span) if span.request == 0 || drawn.contains(&span.request) => {
                background += usize::from(span.request == 0);
                if span.request == 0 && background > BACKGROUND_MAX {
                    continue;
                }
                let slice = Slice {
                    from: span.opened,
                    until: event.at,
                    request: span.request,
                    arrow: (span.parent == 0 && span.request != 0).then_some("f"),
                    event: json!({
                        "ph": "X", "cat": "span", "name": record.text(span.name),
                        "args": { "request": span.request, "fields": record.shown(span.attributes) },
                    }),
                };
                hosts.entry(span.host).or_default().push(slice);
            }
            _ => {}
        }
    }
    for (host, mut slices) in hosts {
        let pid = process_of(host);
        slices.sort_by_key(|slice| (slice.from, std::cmp::Reverse(slice.until)));
        let mut lanes = Lanes::default();
        for slice in slices {
            let tid = lanes.place(slice.from, slice.until) + STATES + 1;
            let mut event = slice.event;
            event["pid"] = pid.into();
            event["tid"] = tid.into();
            event["ts"] = us(slice.from).into();
            event["dur"] = us(slice.until.saturating_sub(slice.from)).into();
            events.push(event);
            if let Some(end) = slice.arrow {
                events.push(json!({
                    "ph": end, "bp": "e", "cat": "request", "name": "works for",
                    "id": slice.request, "pid": pid, "tid": tid, "ts": us(slice.from),
                }));
            }
        }
    }
}

fn of_request(record: &Record, event: &Event, request: &Request) -> Slice {
    Slice {
        from: request.intended,
        until: event.at,
        request: request.id,
        arrow: Some("s"),
        event: json!({
            "ph": "X", "cat": "request", "name": record.text(request.route),
            "args": {
                "request": request.id, "outcome": request.outcome.name(),
                "status": request.status, "attempts": request.attempts,
                "note": record.text(request.note),
            },
        }),
    }
}

fn is_point(event: &Event) -> bool {
    matches!(event.what, EventKind::Log(_) | EventKind::Gauge(_))
}

/// What services logged, and gauges.
fn draw_points(record: &Record, events: &mut Vec<Value>) {
    for event in record.events.iter().filter(|event| is_point(event)).take(POINTS_MAX) {
        match &event.what {
            EventKind::Log(log) => events.push(json!({
                "ph": "i", "s": "p", "cat": "log", "name": record.text(log.message),
                "pid": process_of(log.host), "tid": STATES, "ts": us(event.at),
                "args": { "fields": record.shown(log.attributes), "target": record.text(log.target) },
            })),
            EventKind::Gauge(gauge) if usize::from(gauge.host) < record.header.hosts.len() => {
                events.push(json!({
                    "ph": "C", "name": record.text(gauge.name), "pid": process_of(gauge.host),
                    "tid": STATES, "ts": us(event.at), "args": { "value": gauge.value },
                }));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
