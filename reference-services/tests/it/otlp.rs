//! What a collector gets of the binaries: spans of one request, over two services, in one trace.

use std::{
    convert::Infallible,
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use crate::{
    pool::{send, send_bytes},
    processes::{ANY, BINARY, PATIENCE, Process},
};

/// The spans that arrived, each with the service that sent it.
type Spans = Arc<Mutex<Vec<(String, Span)>>>;

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

/// Takes what is exported to it.
async fn collector() -> (SocketAddr, Spans) {
    let listener = TcpListener::bind(ANY).await.expect("a free port");
    let at = listener.local_addr().expect("it listens");
    let spans = Spans::default();
    let taken = Arc::clone(&spans);
    let take = move |request: Request<Incoming>| {
        let spans = Arc::clone(&taken);
        async move {
            assert_eq!(request.uri().path(), "/v1/traces");
            assert_eq!(request.headers()["content-type"], "application/x-protobuf");
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            let sent = ExportTraceServiceRequest::decode(body).expect("OTLP");
            for resource in sent.resource_spans {
                let attributes = resource.resource.expect("a resource").attributes;
                let service = text(&attributes, "service.name").expect("a service");
                let found = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
                let mut spans = spans.lock().expect("no panic");
                spans.extend(found.map(|span| (service.clone(), span)));
            }
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = StatusCode::OK;
            Ok::<_, Infallible>(response)
        }
    };
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let serve = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(take.clone()));
            tokio::spawn(async move {
                // It may be cut off when a process ends.
                let _ = serve.await;
            });
        }
    });
    (at, spans)
}

fn start(service: &str, collector: SocketAddr, more: &[String]) -> Process {
    let endpoint = format!("http://{collector}");
    let mut command = Command::new(BINARY);
    command.args([service, "--listen", ANY, "--otlp-endpoint", &endpoint]);
    command.args(more.iter().flat_map(|setting| ["--set", setting]));
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    Process::spawn(&mut command)
}

#[tokio::test]
async fn a_collector_sees_one_trace_over_two_services() {
    let (collector, spans) = collector().await;
    let mut dependencies = Vec::new();
    let mut settings = Vec::new();
    for name in ["inventory", "pricing", "reviews", "recommendations"] {
        let mut process = start(name, collector, &[]);
        settings.push(format!("upstreams.{name}=http://{}", process.listens(&["address"])[0]));
        dependencies.push(process);
    }
    let mut api = start("aggregation-api", collector, &settings);
    let at = api.listens(&["address"])[0];
    let begun = Instant::now();
    while send(at, "GET", "/readyz", "").await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it does not become warm");
        sleep(Duration::from_millis(20)).await;
    }
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = format!(
        "GET /products/7 HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\
         traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n\r\n"
    );
    assert_eq!(send_bytes(at, request.as_bytes()).await.status, 200);
    let trace = u128::from_str_radix(TRACE, 16).expect("a number").to_be_bytes();
    // One request, four calls, and what each dependency did for its call.
    let found = loop {
        let spans = spans.lock().expect("no panic").clone();
        let ours = spans.into_iter().filter(|(_, span)| span.trace_id == trace);
        let ours: Vec<(String, Span)> = ours.collect();
        if ours.len() >= 9 {
            break ours;
        }
        assert!(begun.elapsed() < PATIENCE, "found {ours:?}");
        sleep(Duration::from_millis(20)).await;
    };
    let named = |name: &'static str| found.iter().filter(move |(_, span)| span.name == name);
    let (service, request) = named("request").next().expect("the request");
    assert_eq!(service, "aggregation-api");
    assert_eq!(request.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!(text(&request.attributes, "outcome").as_deref(), Some("ok"));
    let calls: Vec<&Span> = named("call").map(|(_, span)| span).collect();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| call.parent_span_id == request.span_id));
    let mut served = Vec::new();
    for (service, span) in named("serve") {
        let dependency = text(&span.attributes, "dependency").expect("its name");
        assert_eq!(*service, dependency);
        let call = calls.iter().find(|call| call.span_id == span.parent_span_id);
        let call = call.expect("the call that it was for");
        assert_eq!(text(&call.attributes, "dependency"), Some(dependency.clone()));
        served.push(dependency);
    }
    served.sort();
    assert_eq!(served, ["inventory", "pricing", "recommendations", "reviews"]);
    // And the page of metrics names the trace where its time is counted.
    let page = send(at, "GET", "/metrics", "").await.body;
    let bucket = page.lines().find(|line| line.contains(&format!("# {{trace_id=\"{TRACE}\"}}")));
    let bucket = bucket.expect("an exemplar");
    assert!(bucket.starts_with("aggregation_api_request_duration_seconds_bucket{le="), "{bucket}");
    api.signal("-TERM");
    assert_eq!(api.ends().await, Some(0));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_nothing_but_the_spans() {
    // Nobody listens there.
    let away = TcpListener::bind(ANY).await.expect("a free port");
    let at = away.local_addr().expect("it listens");
    drop(away);
    let mut reviews =
        start("external-api", at, &["latency={ kind = 'constant', ms = 1 }".to_owned()]);
    let api = reviews.listens(&["address"])[0];
    for number in 0..50 {
        let body = format!("{{\"id\":\"job-{number}\",\"payload\":1}}");
        assert_eq!(send(api, "POST", "/v1/process", &body).await.status, 200);
    }
    let begun = Instant::now();
    reviews.signal("-TERM");
    assert_eq!(reviews.ends().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
    // What is no address is said at once.
    let mut mistaken = Command::new(BINARY);
    mistaken.args(["external-api", "--listen", ANY, "--otlp-endpoint", "not an address"]);
    let mut mistaken = Process::spawn(&mut mistaken);
    assert_eq!(mistaken.ends().await, Some(4));
    assert!(mistaken.error().contains("cannot export spans"), "it does not say why");
}
