//! The messages, decoded as a collector decodes them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;

use super::{BATCH_MAX, Rejected, attributes::resource_of, batches, rejected};
use crate::{
    Record, Report,
    fixture::{self, MS},
    record::{Backend, Event, EventKind},
};

const ENDED: u64 = 1_700_000_000_000_000_000;

/// Each span with the service that it is of, and the sizes of the batches.
fn sent(record: &Record) -> (Vec<(String, Span)>, Vec<usize>) {
    let judgement = fixture::judged([fixture::passed(), fixture::failed()]);
    let report = Report { record, judgement: &judgement, replay: "again", source: None };
    let (mut spans, mut sizes) = (Vec::new(), Vec::new());
    for batch in batches(&report, ENDED) {
        sizes.push(batch.spans);
        let message = ExportTraceServiceRequest::decode(batch.bytes.as_slice()).expect("a message");
        for resource in message.resource_spans {
            let service = attribute(&resource.resource.expect("one").attributes, "service.name");
            let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(all.map(|span| (service.clone(), span)));
        }
    }
    (spans, sizes)
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|it| it.value.as_ref()).and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("expected {key} as text or number, found {other:?}"),
    }
}

fn find<'a>(spans: &'a [(String, Span)], name: &str, from_ms: u64) -> &'a (String, Span) {
    let start = ENDED - 400 * MS + from_ms * MS;
    let found = spans.iter().find(|(_, it)| it.name == name && it.start_time_unix_nano == start);
    found.unwrap_or_else(|| panic!("no {name} at {from_ms} ms in {spans:#?}"))
}

#[test]
fn a_request_and_what_worked_for_it_are_one_trace() {
    let (spans, _) = sent(&fixture::record());
    let (client, request) = find(&spans, "GET /x", 110);
    assert_eq!(client, "client");
    assert_eq!((request.kind(), request.parent_span_id.len()), (SpanKind::Client, 0));
    assert_eq!((request.trace_id.len(), request.span_id.len()), (16, 8));
    assert_eq!(request.end_time_unix_nano, ENDED - 400 * MS + 264 * MS);
    for (key, value) in [
        ("squall.outcome", "degraded"),
        ("http.response.status_code", "200"),
        ("squall.attempts", "1"),
        ("squall.note", "reviews"),
        ("squall.phase", "during"),
    ] {
        assert_eq!(attribute(&request.attributes, key), value);
    }
    assert_eq!(request.status, None, "a degraded answer is no error");
    let (host, handle) = find(&spans, "handle", 111);
    assert_eq!((host.as_str(), &handle.trace_id), ("api", &request.trace_id));
    assert_eq!(handle.parent_span_id, request.span_id);
    let calls: Vec<_> = spans.iter().filter(|(_, span)| span.name == "call").collect();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|(_, call)| call.parent_span_id == handle.span_id));
    assert_eq!(attribute(&calls[0].1.attributes, "dependency"), "pricing");
    let (_, failed) = find(&spans, "GET /x", 120);
    let status = failed.status.as_ref().expect("an error");
    assert_eq!((status.code(), status.message.as_str()), (StatusCode::Error, "timeout"));
    assert_ne!(failed.trace_id, request.trace_id);
}

#[test]
fn the_run_is_a_trace_with_phases_and_faults() {
    let mut record = fixture::record();
    record.header.faults.push(record.header.faults[0].clone());
    record.header.faults[1].heal = u64::MAX;
    let (spans, _) = sent(&record);
    let (service, root) = find(&spans, "reviews-slow +no-call-timeout", 0);
    assert_eq!((service.as_str(), root.end_time_unix_nano), ("squall", ENDED));
    assert_eq!(attribute(&root.attributes, "squall.verdict"), "FAIL");
    assert_eq!(root.status.as_ref().expect("failed").code(), StatusCode::Error);
    let children: Vec<(&str, u64)> = spans
        .iter()
        .filter(|(_, span)| span.parent_span_id == root.span_id)
        .map(|(_, span)| (span.name.as_str(), (ENDED - span.end_time_unix_nano) / MS))
        .collect();
    let fault = "latency api -> reviews 150 ms";
    assert_eq!(
        children,
        [("phase baseline", 300), ("phase during", 100), (fault, 100), (fault, 0)],
        "with the time from their ends to that of the run"
    );
}

#[test]
fn operations_belong_to_the_trace_of_the_run() {
    let (spans, _) = sent(&fixture::operated());
    let (_, root) = find(&spans, "reviews-slow +no-call-timeout", 0);
    for (name, from, until, outcome) in
        [("rollout of web", 50, 150, "rolled back"), ("drain a", 200, 400, "not over")]
    {
        let (service, span) = find(&spans, name, from);
        assert_eq!((service.as_str(), &span.parent_span_id), ("squall", &root.span_id));
        assert_eq!(span.end_time_unix_nano, ENDED - 400 * MS + until * MS);
        assert_eq!(attribute(&span.attributes, "squall.operation"), outcome);
    }
}

#[test]
fn spans_of_no_request_are_traces_of_their_own() {
    let mut record = fixture::record();
    for event in &mut record.events {
        if let EventKind::Span(span) = &mut event.what {
            span.request = 0;
        }
    }
    let (spans, _) = sent(&record);
    let (_, handle) = find(&spans, "handle", 111);
    let (_, call) = find(&spans, "call", 112);
    assert_eq!((&call.trace_id, &call.parent_span_id), (&handle.trace_id, &handle.span_id));
    assert_eq!(handle.parent_span_id.len(), 0);
    assert_ne!(handle.trace_id, find(&spans, "GET /x", 110).1.trace_id);
}

#[test]
fn parents_that_are_not_sent_and_rings_do_no_harm() {
    let mut record = fixture::record();
    for event in &mut record.events {
        match &mut event.what {
            EventKind::Span(span) if span.id == 2 => (span.parent, span.request) = (3, 0),
            EventKind::Span(span) if span.id == 3 => span.request = 0,
            EventKind::Span(span) => span.parent = 99,
            _ => {}
        }
    }
    let (spans, _) = sent(&record);
    let (_, request) = find(&spans, "GET /x", 110);
    let orphan = spans.iter().find(|(_, it)| it.parent_span_id == request.span_id);
    assert_eq!(orphan.expect("a child of the request").1.name, "call");
}

#[test]
fn the_same_run_is_the_same_spans_and_another_run_others() {
    let ids = |record: &Record| -> Vec<_> {
        sent(record).0.into_iter().map(|(_, span)| (span.trace_id, span.span_id)).collect()
    };
    let record = fixture::record();
    let mut other = fixture::record();
    other.header.seed += 1;
    assert_eq!(ids(&record), ids(&record));
    assert!(ids(&record).iter().all(|id| !ids(&other).contains(id)));
    let unique: BTreeMap<_, _> = ids(&record).into_iter().map(|(_, span)| (span, ())).collect();
    assert_eq!(unique.len(), ids(&record).len());
}

#[test]
fn batches_are_bounded_and_nothing_is_lost_between_them() {
    let mut record = fixture::record();
    let (at, request) = record.requests().last().map(|(at, it)| (at, *it)).expect("a request");
    for id in 5..2_500 {
        let what = EventKind::Request(crate::record::Request { id, ..request });
        record.events.push(Event { at, what });
    }
    let (spans, sizes) = sent(&record);
    assert_eq!(sizes, [4, BATCH_MAX, BATCH_MAX, 2_499 + 3 - 2 * BATCH_MAX]);
    assert_eq!(spans.len(), 4 + 2_499 + 3);
}

#[test]
fn what_a_collector_rejects_is_read_from_its_answer() {
    let answer = |rejected_spans, error_message: &str| {
        let error_message = error_message.to_owned();
        let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
        ExportTraceServiceResponse { partial_success }.encode_to_vec()
    };
    let some = Rejected { spans: 3, reason: "too old".to_owned() };
    assert_eq!(rejected(&answer(3, "too old")), Some(some));
    assert_eq!(rejected(&answer(-1, "")), None);
    assert_eq!(rejected(&answer(0, "")), None);
    assert_eq!(rejected(&answer(0, "soon full")).map(|it| it.spans), Some(0));
    assert_eq!(rejected(b""), None);
    assert_eq!(rejected(b"{}"), None);
}

#[test]
fn a_resource_says_who_performed_the_run() {
    let mut record = fixture::record();
    let backend = |record: &Record| attribute(&resource_of(record, "", "api"), "squall.backend");
    assert_eq!(backend(&record), "simulation");
    record.header.backend = Backend::Processes;
    assert_eq!(backend(&record), "processes");
}
