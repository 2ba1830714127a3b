//! Programs with an SDK of OpenTelemetry, and whether ours would be understood by theirs: messages
//! made and read with the official definitions.

use std::io::{Read, Write};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, Sum, metric::Data, number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use prost::Message;
use squall_reports::record::{Level, TEXT_BYTES_MAX};

use super::{
    super::{Told, answer::answer},
    Listening,
};
use crate::run::trace;

fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: any(value), ..KeyValue::default() }
}

fn resource(names: &[(&str, &str)]) -> Option<Resource> {
    let attributes = names.iter().map(|(name, value)| pair(name, text(value))).collect();
    Some(Resource { attributes, ..Resource::default() })
}

fn scope(name: &str) -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: name.to_owned(), ..InstrumentationScope::default() })
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What is told of a request, and the status and body of the answer.
fn posted(path: &str, content_type: &str, body: &[u8]) -> (Vec<Told>, u16, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let told = std::sync::Mutex::new(Vec::new());
    let told = std::sync::Arc::new(told);
    let sink = std::sync::Arc::clone(&told);
    let sink = move |it| sink.lock().expect("no panic").push(it);
    let request = http::Request::post(path).header("content-type", content_type);
    let body = http_body_util::Full::new(bytes::Bytes::copy_from_slice(body));
    let answer = runtime.block_on(answer(request.body(body).expect("a request"), &sink));
    let status = answer.status().as_u16();
    let body = runtime.block_on(http_body_util::BodyExt::collect(answer.into_body()));
    let body = body.expect("a body").to_bytes().to_vec();
    drop(sink);
    let told = std::mem::take(&mut *told.lock().expect("no panic"));
    (told, status, body)
}

fn values() -> Vec<KeyValue> {
    let inner = vec![pair("k", text("v")), pair("n", Value::IntValue(1))];
    let items = [text("a"), Value::DoubleValue(1.0)].map(|value| AnyValue { value: Some(value) });
    vec![
        pair("text", text("a \"b\"")),
        pair("yes", Value::BoolValue(true)),
        pair("number", Value::IntValue(i64::MIN)),
        pair("real", Value::DoubleValue(2.0)),
        pair("zero", Value::IntValue(0)),
        pair("empty", text("")),
        pair("list", Value::ArrayValue(ArrayValue { values: items.to_vec() })),
        pair("map", Value::KvlistValue(KeyValueList { values: inner })),
        pair("bytes", Value::BytesValue(vec![0, 255])),
        KeyValue { key: "nothing".to_owned(), ..KeyValue::default() },
        pair("trace_id", text("737175616c6c00000000000000000009")),
        pair("text", text("again")),
        pair("long", text(&"x".repeat(1_000))),
    ]
}

#[track_caller]
fn shows_values(attributes: &[(String, String)]) {
    let expected = pairs(&[
        ("text", "again"),
        ("yes", "true"),
        ("number", "-9223372036854775808"),
        ("real", "2.0"),
        ("zero", "0"),
        ("empty", ""),
        ("list", "[\"a\", 1.0]"),
        ("map", "{\"k\": \"v\", \"n\": 1}"),
        ("bytes", "[00 ff]"),
        ("nothing", ""),
    ]);
    assert_eq!(attributes[..10], expected);
    let [(name, long), rest @ ..] = &attributes[10..] else { panic!("{attributes:?}") };
    assert!(
        name == "long" && long.len() <= TEXT_BYTES_MAX && long.contains("1000 bytes"),
        "{long}"
    );
    assert_eq!(rest, []);
}

#[test]
fn a_span_of_an_sdk_is_a_span() {
    let trace_id = trace::bytes_of(7).to_vec();
    let event = |name: &str, attributes| Event {
        time_unix_nano: 15,
        name: name.to_owned(),
        attributes,
        ..Event::default()
    };
    let bridged =
        vec![pair("level", text("WARN")), pair("target", text("t")), pair("a", text("b"))];
    let span = Span {
        trace_id: trace_id.clone(),
        span_id: vec![0, 0, 0, 0, 0, 0, 1, 2],
        parent_span_id: vec![1, 0, 0, 0, 0, 0, 0, 0],
        trace_state: "skipped=1".to_owned(),
        flags: 1,
        name: "GET /".to_owned(),
        kind: 2,
        start_time_unix_nano: 10,
        end_time_unix_nano: 20,
        attributes: values(),
        events: vec![event("exception", vec![]), event("bridged", bridged)],
        status: Some(Status { message: "down".to_owned(), code: 2 }),
        ..Span::default()
    };
    let fine = Span {
        trace_id: vec![9; 16],
        status: Some(Status { message: String::new(), code: 1 }),
        attributes: Vec::new(),
        events: Vec::new(),
        ..span.clone()
    };
    let spans = |spans| vec![ScopeSpans { scope: scope("lib"), spans, ..ScopeSpans::default() }];
    let of = |names: &[(&str, &str)], scope_spans| ResourceSpans {
        resource: resource(names),
        scope_spans,
        ..ResourceSpans::default()
    };
    let message = ExportTraceServiceRequest {
        resource_spans: vec![
            of(&[("service.name", "s"), ("host.name", "h")], spans(vec![span])),
            of(&[("service.name", "s"), ("host.name", "")], spans(vec![fine])),
        ],
    };
    let (told, status, answer) =
        posted("/v1/traces", "application/x-protobuf", &message.encode_to_vec());
    assert_eq!((status, answer.as_slice()), (200, &b""[..]));
    let log = |level, target: &str, message: &str, attributes| Told::Log {
        host: "h".to_owned(),
        at: 15,
        level,
        target: target.to_owned(),
        message: message.to_owned(),
        attributes,
        request: 7,
    };
    assert_eq!(told[0], log(Level::Error, "lib", "exception", Vec::new()));
    assert_eq!(told[1], log(Level::Warn, "t", "bridged", pairs(&[("a", "b")])));
    let Told::Span { host, id, parent, request, name, attributes, opened, closed } = &told[2]
    else {
        panic!("{told:?}")
    };
    assert_eq!((host.as_str(), name.as_str()), ("h", "GET /"));
    assert_eq!((*id, *parent, *request), (0x102, 1 << 56, 7));
    assert_eq!((*opened, *closed), (10, 20));
    let (status, rest) = (&attributes[11..], &attributes[..11]);
    shows_values(rest);
    let expected = [("otel.status_code", "ERROR"), ("otel.status_description", "down")];
    assert_eq!(status, pairs(&expected));
    let Told::Span { host, request, attributes, .. } = &told[3] else { panic!("{told:?}") };
    assert_eq!((host.as_str(), *request, attributes.len()), ("s", 0, 0));
    assert_eq!(told.len(), 4);
}

#[test]
fn a_log_record_of_an_sdk_is_a_log_event() {
    let of = |severity_number, body: Option<AnyValue>| LogRecord {
        time_unix_nano: 5,
        observed_time_unix_nano: 6,
        severity_number,
        body,
        ..LogRecord::default()
    };
    let mut detailed = of(17, any(text("failed")));
    detailed.attributes = values();
    detailed.trace_id = trace::bytes_of(3).to_vec();
    let mut named = of(0, None);
    named.event_name = "named".to_owned();
    named.time_unix_nano = 0;
    let records = vec![
        detailed,
        of(8, any(text("debug"))),
        of(9, any(Value::IntValue(1))),
        of(16, any(text("warning"))),
        of(24, any(text("fatal"))),
        named,
    ];
    let message = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(&[("service.name", "s")]),
            scope_logs: vec![ScopeLogs {
                scope: scope("lib"),
                log_records: records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    let (told, status, _) = posted("/v1/logs", "application/x-protobuf", &message.encode_to_vec());
    assert_eq!(status, 200);
    let seen: Vec<_> = told
        .iter()
        .map(|told| match told {
            Told::Log { level, message, request, at, target, .. } if target == "lib" => {
                (*level, message.as_str(), *request, *at)
            }
            other => panic!("nobody said {other:?}"),
        })
        .collect();
    let expected = [
        (Level::Error, "failed", 3, 5),
        (Level::Info, "1", 0, 5),
        (Level::Warn, "warning", 0, 5),
        (Level::Error, "fatal", 0, 5),
        (Level::Info, "named", 0, 6),
    ];
    assert_eq!(seen, expected);
    let Told::Log { attributes, .. } = &told[0] else { panic!("{told:?}") };
    shows_values(attributes);
}

#[test]
fn gauges_and_sums_of_an_sdk_are_gauges() {
    let point = |value, attributes| NumberDataPoint {
        time_unix_nano: 5,
        value: Some(value),
        attributes,
        ..NumberDataPoint::default()
    };
    let (int, real) = (number_data_point::Value::AsInt, number_data_point::Value::AsDouble);
    let silent = NumberDataPoint { flags: 1, ..point(int(1), vec![]) };
    let metric =
        |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    let labelled = vec![pair("state", text("a \"b\"")), pair("n", Value::IntValue(2))];
    let gauge = Gauge {
        data_points: vec![point(real(0.5), vec![]), silent, point(real(f64::NAN), vec![])],
    };
    let sum = Sum { data_points: vec![point(int(-3), labelled)], ..Sum::default() };
    let points = vec![HistogramDataPoint::default(); 2];
    let histogram = Histogram { data_points: points, ..Histogram::default() };
    let metrics = vec![
        metric("load", Data::Gauge(gauge)),
        metric("jobs", Data::Sum(sum)),
        metric("latency", Data::Histogram(histogram)),
        Metric { name: "of no kind".to_owned(), ..Metric::default() },
    ];
    let message = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(&[("service.name", "s")]),
            scope_metrics: vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    };
    let (told, status, answer) =
        posted("/v1/metrics", "application/x-protobuf", &message.encode_to_vec());
    assert_eq!(status, 200);
    let gauge = |name: &str, value| Told::Gauge {
        host: "s".to_owned(),
        at: 5,
        name: name.to_owned(),
        value,
    };
    let expected = [gauge("load", 0.5), gauge("jobs{state=\"a \\\"b\\\"\",n=\"2\"}", -3.0)];
    assert_eq!(told, expected);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("only gauges and sums"), "{answer}");
}

#[test]
fn json_means_what_protobuf_means() {
    let attributes = r#"[
        {"key": "text", "value": {"stringValue": "a"}}, {"key": "yes", "value": {"boolValue": true}},
        {"key": "number", "value": {"intValue": "-7"}}, {"key": "plain", "value": {"intValue": 7}},
        {"key": "real", "value": {"doubleValue": 2}}, {"key": "endless", "value": {"doubleValue": "Infinity"}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}}},
        {"key": "bytes", "value": {"bytesValue": "AP8="}}, {"key": "nothing", "value": {"unknown": [1]}},
        {"key": "absent"}
    ]"#;
    let body = format!(
        r#"{{"unknown": {{"a": []}}, "resourceSpans": [{{
            "resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "s"}}}}], "droppedAttributesCount": 0}},
            "scopeSpans": [{{"scope": {{"name": "lib", "version": "1"}}, "spans": [{{
                "traceId": "737175616C6C0000000000000000000b", "spanId": "00000000000000A1", "parentSpanId": "",
                "name": "GET", "kind": 2, "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000,
                "attributes": {attributes}, "status": {{}}, "events": [], "flags": 257
            }}], "schemaUrl": "x"}}]
        }}]}}"#
    );
    let (told, status, answer) =
        posted("/v1/traces", "application/json; charset=utf-8", body.as_bytes());
    assert_eq!((status, answer.as_slice()), (200, &b"{}"[..]));
    let attributes = pairs(&[
        ("text", "a"),
        ("yes", "true"),
        ("number", "-7"),
        ("plain", "7"),
        ("real", "2.0"),
        ("endless", "inf"),
        ("list", "[\"a\", None]"),
        ("map", "{\"k\": 1}"),
        ("bytes", "[00 ff]"),
        ("nothing", ""),
        ("absent", ""),
    ]);
    let span = Told::Span {
        host: "s".to_owned(),
        id: 0xa1,
        parent: 0,
        request: 11,
        name: "GET".to_owned(),
        attributes,
        opened: 1_544_712_660_000_000_000,
        closed: 1_544_712_661_000_000_000,
    };
    assert_eq!(told, [span]);
    let body = r#"{"resourceLogs": [{"resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "h"}}]},
        "scopeLogs": [{"scope": {"name": "lib"}, "logRecords": [{"timeUnixNano": "5", "severityNumber": 13,
        "severityText": "Warning", "body": {"stringValue": "said"}, "traceId": "", "spanId": "",
        "attributes": [{"key": "a", "value": {"stringValue": "b"}}]}]}]}]}"#;
    let (told, _, _) = posted("/v1/logs", "application/json", body.as_bytes());
    let log = Told::Log {
        host: "h".to_owned(),
        at: 5,
        level: Level::Warn,
        target: "lib".to_owned(),
        message: "said".to_owned(),
        attributes: pairs(&[("a", "b")]),
        request: 0,
    };
    assert_eq!(told, [log]);
    let body = r#"{"resourceMetrics": [{"resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "h"}}]},
        "scopeMetrics": [{"scope": {}, "metrics": [{"name": "m", "unit": "1", "sum": {"aggregationTemporality": 2, "isMonotonic": true,
        "dataPoints": [{"timeUnixNano": "5", "asInt": "3"}, {"timeUnixNano": "6", "asDouble": 1.5}]}}]}]}]}"#;
    let (told, _, _) = posted("/v1/metrics", "application/json", body.as_bytes());
    let gauge = |at, value| Told::Gauge { host: "h".to_owned(), at, name: "m".to_owned(), value };
    assert_eq!(told, [gauge(5, 3.0), gauge(6, 1.5)]);
}

/// What the exporter sends, as the official definitions read it.
#[test]
#[expect(clippy::disallowed_types, reason = "no simulation")]
fn what_is_exported_is_otlp() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    let exporter = super::Exporter::connect(address, "web").expect("somebody listens");
    let (mut stream, _) = listener.accept().expect("the exporter");
    // An answer that it has not asked for does no harm.
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("it listens");
    tracing::dispatcher::with_default(&exporter.dispatch(), || {
        let trace_id = trace::id_of(&trace::parent_of(7, 1)).to_owned();
        let span = tracing::info_span!("outer", trace_id, job = 1);
        span.in_scope(|| {
            tracing::warn!(target: "t", a = "b", "said");
            drop(tracing::info_span!("inner"));
        });
        drop(span);
        drop(tracing::info_span!("of no request"));
    });
    exporter.finish();
    let mut sent = Vec::new();
    stream.read_to_end(&mut sent).expect("it ends");
    let mut rest = sent.as_slice();
    let mut bodies = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(rest[..end].to_vec()).expect("text");
        let length = head.split_once("content-length: ").expect("a length").1;
        let length: usize = length.lines().next().expect("a line").parse().expect("a number");
        let path = head.split(' ').nth(1).expect("a path").to_owned();
        bodies.push((path, &rest[end + 4..end + 4 + length]));
        rest = &rest[end + 4 + length..];
    }
    let paths: Vec<&str> = bodies.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/v1/logs", "/v1/traces", "/v1/traces", "/v1/traces"]);
    let logs = ExportLogsServiceRequest::decode(bodies[0].1).expect("a message");
    let [logs] = logs.resource_logs.try_into().expect("one resource");
    assert_eq!(logs.resource, resource(&[("service.name", "web"), ("host.name", "web")]));
    assert_eq!(logs.scope_logs[0].scope, scope("t"));
    let log = &logs.scope_logs[0].log_records[0];
    assert_eq!((log.severity_text.as_str(), log.severity_number), ("WARN", 13));
    assert_eq!(log.body, any(text("said")));
    assert_eq!(log.attributes, [pair("a", text("b"))]);
    let spans: Vec<Span> = bodies[1..]
        .iter()
        .map(|(_, body)| {
            let traces = ExportTraceServiceRequest::decode(*body).expect("a message");
            let [traces] = traces.resource_spans.try_into().expect("one resource");
            assert_eq!(traces.resource, logs.resource);
            traces.scope_spans[0].spans[0].clone()
        })
        .collect();
    let [inner, outer, other] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((inner.name.as_str(), outer.name.as_str()), ("inner", "outer"));
    assert_eq!((&inner.parent_span_id, &outer.parent_span_id), (&outer.span_id, &Vec::new()));
    assert_eq!((&log.span_id, &log.trace_id), (&outer.span_id, &outer.trace_id));
    assert_eq!((&inner.trace_id, &outer.trace_id), (&log.trace_id, &trace::bytes_of(7).to_vec()));
    assert_eq!(outer.attributes, [pair("job", text("1"))]);
    assert_eq!(outer.kind, 1);
    assert!(other.trace_id.len() == 16 && other.trace_id.iter().any(|byte| *byte != 0));
    assert!(other.span_id.len() == 8 && other.span_id != outer.span_id);
    assert!(outer.start_time_unix_nano <= inner.start_time_unix_nano);
    assert!(inner.end_time_unix_nano <= outer.end_time_unix_nano);
}

#[test]
fn who_waits_for_answers_gets_them() {
    let listening = Listening::begin();
    let request = b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    #[expect(clippy::disallowed_types, reason = "no simulation")]
    let mut stream = std::net::TcpStream::connect(listening.address).expect("it listens");
    let expected = b"HTTP/1.1 200 OK\r\n";
    for _ in 0..3 {
        stream.write_all(request).expect("it reads");
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).expect("it answers");
        assert_eq!(&answer[..expected.len()], expected);
        assert!(answer[..length].ends_with(b"\r\n\r\n{}"));
    }
    assert_eq!(listening.stop(), []);
}
