//! What is answered to whom: clients that are wrong, or want to do harm.

use std::io::{Read, Write};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::{
    super::{Told, answer::BODY_BYTES_MAX},
    Listening,
};

const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// What somebody hears who sends these bytes and then nothing more.
#[expect(clippy::disallowed_types, reason = "no simulation")]
fn hears(listening: &Listening, parts: &[&[u8]]) -> String {
    let mut stream = std::net::TcpStream::connect(listening.address).expect("it listens");
    for part in parts {
        // It may have heard enough before the end.
        if stream.write_all(part).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[track_caller]
fn is_refused(listening: &Listening, request: &[u8], status: &str, reason: &str) {
    let answer = hears(listening, &[request]);
    let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}\n\n{answer}");
    assert!(answer.contains(reason), "expected {reason}: {shown}\n\n{answer}");
}

#[test]
fn whose_words_they_are_is_in_the_path() {
    let listening = Listening::begin();
    let body = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":
        {"stringValue":"machine-17"}}]},"scopeLogs":[{"logRecords":[{"severityNumber":9,
        "body":{"stringValue":"said"}}]}]}]}"#;
    for path in ["/hosts/web/v1/logs", "/v1/logs"] {
        let answer = hears(&listening, &[&post(path, JSON, body.as_bytes())]);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let told = listening.stop();
    let hosts = told.iter().map(|told| match told {
        Told::Log { host, message, .. } if message == "said" => host.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(hosts.collect::<Vec<_>>(), ["web", "machine-17"]);
}

#[test]
fn who_is_wrong_is_told_why() {
    let listening = Listening::begin();
    let refused = |request: Vec<u8>, status, reason| {
        is_refused(&listening, &request, status, reason);
    };
    refused(post("/v1/trace", PROTOBUF, b""), "404", "/v1/traces, /v1/logs and /v1/metrics");
    refused(post("/", JSON, b"{}"), "404", "\"code\":5");
    refused(post("/hosts/web", JSON, b"{}"), "404", "and no /hosts/web");
    refused(post("/hosts/web/v1", JSON, b"{}"), "404", "and no /hosts/web/v1");
    refused(b"GET /v1/logs HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), "405", "allow: POST");
    refused(post("/v1/logs", "", b""), "415", "application/x-protobuf or application/json");
    refused(post("/v1/logs", "content-type: text/plain\r\n", b""), "415", "text/plain; charset");
    let zipped = format!("{PROTOBUF}content-encoding: gzip\r\n");
    refused(post("/v1/logs", &zipped, b"\x1f\x8b"), "415", "switch compression off");
    for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        // A length that goes beyond the end, a group that nobody begins, no message at all.
        for body in [&b"\x0a\x7f\x0a"[..], b"\x0c", b"plainly wrong", b"\xff\xff\xff\xff"] {
            refused(post(path, PROTOBUF, body), "400", "in protobuf");
        }
        for body in ["", "nil", "{\"resource", "7", "{}}"] {
            refused(post(path, JSON, body.as_bytes()), "400", "in JSON");
        }
    }
    for (path, body) in [
        ("/v1/traces", r#"{"resourceSpans":"none"}"#),
        ("/v1/traces", r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}"#),
        ("/v1/traces", r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"abc"}]}]}]}"#),
        (
            "/v1/traces",
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"endTimeUnixNano":-1}]}]}]}"#,
        ),
        (
            "/v1/logs",
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"9x"}]}]}]}"#,
        ),
        ("/v1/logs", r#"{"resourceLogs":[{"resource":{"attributes":[{"key":7}]}}]}"#),
        ("/v1/metrics", r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":[1,2]}]}]}]}"#),
    ] {
        refused(post(path, JSON, body.as_bytes()), "400", "\"message\":\"the body is no such");
    }
    assert_eq!(listening.stop(), []);
}

#[test]
fn values_in_values_have_a_limit() {
    let listening = Listening::begin();
    // A message of values in values: each a list of one, 5 { 1 { ... } }.
    let mut value = Vec::new();
    for _ in 0..2_000 {
        for tag in [0x0a_u8, 0x2a] {
            let mut around = vec![tag];
            prost::encoding::encode_varint(value.len() as u64, &mut around);
            around.append(&mut value);
            value = around;
        }
    }
    let mut body = value;
    for tag in [0x12_u8, 0x0a, 0x0a, 0x0a] {
        let mut around = vec![tag];
        prost::encoding::encode_varint(body.len() as u64, &mut around);
        around.append(&mut body);
        body = around;
    }
    is_refused(&listening, &post("/v1/traces", PROTOBUF, &body), "400", "recursion limit");
    let body = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    is_refused(&listening, &post("/v1/traces", JSON, body.as_bytes()), "400", "in JSON");
    assert_eq!(listening.stop(), []);
}

#[test]
fn nobody_has_to_hold_a_body_of_any_size() {
    let listening = Listening::begin();
    let told = "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let much = vec![b' '; 1 << 20];
    let head = format!("{told}content-length: {}\r\n\r\n", 64 << 20);
    let answer = hears(&listening, &[head.as_bytes()]);
    assert!(answer.starts_with("HTTP/1.1 413 "), "it says so beforehand: {answer}");
    // It does not say how much it is.
    let chunk = format!("{:x}\r\n", much.len());
    let head = format!("{told}transfer-encoding: chunked\r\n\r\n");
    let mut parts = vec![head.as_bytes()];
    for _ in 0..64 {
        parts.extend([chunk.as_bytes(), &much, b"\r\n"]);
    }
    let answer = hears(&listening, &parts);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains(&BODY_BYTES_MAX.to_string()), "{answer}");
    let head = vec![b'x'; 10 << 20];
    let answer = hears(&listening, &[&head]);
    assert!(answer.starts_with("HTTP/1.1 4") || answer.is_empty(), "{answer}");
    assert_eq!(listening.stop(), []);
}

#[test]
fn half_a_request_is_none() {
    let listening = Listening::begin();
    let body = br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeLogs":[{"logRecords":[{"body":{"stringValue":"said"}}]}]}]}"#;
    let whole = post("/v1/logs", JSON, body);
    let twice = [whole.as_slice(), &whole].concat();
    for cut in [10, whole.len() - 1, whole.len() + 10, twice.len() - 1] {
        hears(&listening, &[&twice[..cut]]);
    }
    let said = listening.stop();
    let messages = said.iter().map(|told| match told {
        Told::Log { message, host, .. } => (host.as_str(), message.as_str()),
        other => panic!("nobody said {other:?}"),
    });
    assert_eq!(messages.collect::<Vec<_>>(), [("a", "said"); 2]);
}

#[test]
#[expect(clippy::disallowed_types, reason = "no simulation")]
fn who_goes_without_its_answers_is_heard_to_the_end() {
    let listening = Listening::begin();
    let body = br#"{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"a"}}]},"scopeLogs":[{"logRecords":[{}]}]}]}"#;
    let once = post("/v1/logs", JSON, body);
    let mut stream = std::net::TcpStream::connect(listening.address).expect("it listens");
    stream.write_all(&once).expect("it reads");
    // An answer that is there and not read makes of the end a reset.
    let answered = stream.peek(&mut [0]).expect("it answers");
    stream.write_all(&once.repeat(100)).expect("it reads");
    drop(stream);
    assert_eq!((answered, listening.stop().len()), (1, 101));
}

#[test]
fn spans_that_are_none_are_rejected_and_the_others_taken() {
    let span = |ids: &str, times: &str| format!("{{{ids},\"name\":\"s\",{times}}}");
    let (trace, id) =
        ("\"traceId\":\"0af7651916cd43dd8448eb211c80319c\"", "\"spanId\":\"b7ad6b7169203331\"");
    let times = "\"startTimeUnixNano\":\"5\",\"endTimeUnixNano\":4";
    let spans = [
        span(&format!("{trace},{id}"), times),
        span(&format!("{trace},\"spanId\":\"0000000000000000\""), times),
        span(&format!("\"traceId\":\"00\",{id}"), times),
        span(&format!("\"traceId\":\"00000000000000000000000000000000\",{id}"), times),
        span(&format!("{trace},{id},\"parentSpanId\":\"b7\""), times),
        span(&format!("{trace},{id},\"parentSpanId\":\"0000000000000000\""), times),
        span(&format!("{trace},{id}"), "\"startTimeUnixNano\":\"5\""),
    ];
    let body = |resource: &str| {
        let spans = spans.join(",");
        format!("{{\"resourceSpans\":[{{{resource}\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}")
    };
    let named =
        body(r#""resource":{"attributes":[{"key":"host.name","value":{"stringValue":"a"}}]},"#);
    let listening = Listening::begin();
    let answer = hears(&listening, &[&post("/v1/traces", JSON, named.as_bytes())]);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\"rejectedSpans\":\"5\""), "{answer}");
    assert!(answer.contains("a span has the span id"), "the first reason: {answer}");
    let answer = hears(&listening, &[&post("/v1/traces", JSON, body("").as_bytes())]);
    assert!(answer.contains("neither host.name nor service.name"), "{answer}");
    assert!(answer.contains("\"rejectedSpans\":\"7\""), "{answer}");
    let told = listening.stop();
    assert_eq!(told.len(), 2);
    for told in told {
        let Told::Span { parent, opened, closed, request, .. } = told else { panic!("{told:?}") };
        assert_eq!((parent, opened, closed, request), (0, 5, 5, 0));
    }
}

#[test]
fn a_message_in_protobuf_is_answered_with_one() {
    let listening = Listening::begin();
    let nameless = b"\x0a\x06\x12\x04\x12\x02\x2a\x00";
    let answer = hears(&listening, &[&post("/v1/traces", PROTOBUF, nameless)]);
    assert!(answer.contains("content-type: application/x-protobuf"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let answer = ExportTraceServiceResponse::decode(body.as_bytes()).expect("a message");
    let partial = answer.partial_success.expect("something was rejected");
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("host.name"), "{partial:?}");
    let answer = hears(&listening, &[&post("/v1/traces", PROTOBUF, b"")]);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{answer}");
    assert_eq!(listening.stop(), []);
}
