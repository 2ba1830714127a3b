//! A collector of spans on loopback, with the answers that a test wants.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinHandle};

/// How a collector answers.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// It takes everything.
    Takes,
    /// It takes everything but three spans of each message.
    TakesMost,
    /// It is overloaded.
    Refuses,
    /// It never answers.
    Hangs,
}

/// What it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The `service.name` of the span's resource.
    pub(crate) service: String,
    /// The other attributes of the resource.
    pub(crate) resource: Vec<KeyValue>,
    pub(crate) span: Span,
}

#[derive(Default)]
struct Seen {
    spans: Vec<Sent>,
    messages: usize,
    headers: HeaderMap,
}

#[derive(Clone)]
struct Shared {
    answer: Answer,
    seen: Arc<Mutex<Seen>>,
}

/// It listens until it is dropped.
pub(crate) struct Collector {
    pub(crate) url: String,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Collector {
    /// Listens on a free port.
    pub(crate) async fn start(answer: Answer) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Shared { answer, seen: Arc::default() };
        let router = Router::new().route("/v1/traces", post(take)).with_state(shared.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until it is dropped");
        });
        Self { url, shared, server }
    }

    /// The spans so far, which are taken out.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.lock().spans)
    }

    /// How many messages came.
    pub(crate) fn messages(&self) -> usize {
        self.lock().messages
    }

    /// A header of the last message.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.lock().headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The text of an attribute.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

async fn take(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let request = ExportTraceServiceRequest::decode(body).expect("a message of OTLP");
    let mut spans = Vec::new();
    for resource in request.resource_spans {
        let attributes = resource.resource.expect("a resource").attributes;
        let service = attribute(&attributes, "service.name").expect("a service");
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Sent { service: service.clone(), resource: attributes.clone(), span });
        }
    }
    assert!(spans.len() <= 1_000, "{} spans in one message", spans.len());
    {
        let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.spans.append(&mut spans);
        seen.messages += 1;
        seen.headers = headers;
    }
    match shared.answer {
        Answer::Takes => (StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec()),
        Answer::TakesMost => {
            let partial_success = Some(ExportTracePartialSuccess {
                rejected_spans: 3,
                error_message: "older than an hour".to_owned(),
            });
            (StatusCode::OK, ExportTraceServiceResponse { partial_success }.encode_to_vec())
        }
        Answer::Refuses => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("come later{}", "!".repeat(500)).into_bytes())
        }
        Answer::Hangs => std::future::pending().await,
    }
}
