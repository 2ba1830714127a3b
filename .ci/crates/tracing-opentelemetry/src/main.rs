//! tracing-opentelemetry with a subscriber of the service's own, whose spans a client can ask for.

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tracing::{Dispatch, Instrument, instrument::WithSubscriber};
use tracing_subscriber::layer::SubscriberExt;
use works::{Done, Trial, calls, ms};

/// What the service keeps of its traces.
struct Traces {
    spans: InMemorySpanExporter,
    dispatch: Dispatch,
    /// What ends the traces when it is dropped.
    _provider: SdkTracerProvider,
}

impl Traces {
    fn new() -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("server"));
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        Self { spans, dispatch, _provider: provider }
    }
}

fn lasted(span: &SpanData) -> Duration {
    span.end_time.duration_since(span.start_time).unwrap_or_default()
}

async fn work() {
    async { tokio::time::sleep(ms(3)).await }.instrument(tracing::info_span!("inner")).await;
    tokio::time::sleep(ms(2)).await;
}

/// Works for each that asks, and says what the last two spans were.
async fn server() -> Done {
    let traces = Arc::new(Traces::new());
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let traces = Arc::clone(&traces);
        tokio::spawn(async move {
            stream.read_u8().await?;
            let work = async { work().instrument(tracing::info_span!("outer")).await };
            work.with_subscriber(traces.dispatch.clone()).await;
            let spans = traces.spans.get_finished_spans().map_err(std::io::Error::other)?;
            let mut text = String::new();
            if let [.., inner, outer] = spans.as_slice() {
                let (child, parent) = (inner.parent_span_id, outer.span_context.span_id());
                text = format!(
                    "{} {:?} in {} {:?}: {}",
                    inner.name,
                    lasted(inner),
                    outer.name,
                    lasted(outer),
                    child == parent
                );
            }
            stream.write_all(text.as_bytes()).await
        });
    }
}

async fn ask() -> std::io::Result<String> {
    let mut stream = TcpStream::connect("server:80").await?;
    stream.write_u8(0).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

fn main() {
    let trial = Trial::new("tracing-opentelemetry").host("server", server);
    trial.host("client", || calls(|_| ask())).outages().works(|seen| {
        seen.lives_through_outages();
        let (_, third) = seen.said("client", "answered 3: ")[0];
        // A timer of Tokio comes within the millisecond after its time.
        let (inner, outer) = third.split_once(" in ").expect("two spans");
        assert!(inner.starts_with("inner 3") && outer.starts_with("outer 5"), "{third}");
        assert!(outer.ends_with(": true"), "one is in the other: {third}");
    });
}
