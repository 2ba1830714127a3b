//! Spans on their way to a collector: OTLP over HTTP, in protobuf, as an option of every binary.
//!
//! The SDK batches them and gives up what does not fit; a thread sends them, on a runtime of its
//! own, so that a collector that is slow or away costs a service nothing but the spans. What
//! the specification says of variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_SERVICE_NAME`, `OTEL_BSP_SCHEDULE_DELAY` and so on) holds.

use std::{
    io,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::client::{Client, Tuning};

/// What a collector says of a batch.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where the collector is, for all that is exported, or for spans.
const VARIABLES: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// Does this process export its spans?
static EXPORTS: AtomicBool = AtomicBool::new(false);

/// Does this process export its spans?
pub(crate) fn exports() -> bool {
    EXPORTS.load(Ordering::Relaxed)
}

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OtlpError {
    #[error("cannot export spans: {0}")]
    Exporter(#[from] ExporterBuildError),
    #[error("cannot export spans: no thread for it: {0}")]
    Thread(#[from] io::Error),
}

/// Sends spans until it is dropped.
#[derive(Debug)]
pub(crate) struct Otlp {
    provider: SdkTracerProvider,
    /// The thread ends when this is dropped.
    _running: oneshot::Sender<()>,
}

impl Otlp {
    /// To this collector, or to the one that the environment names; `None` if neither does.
    pub(crate) fn of(endpoint: Option<&str>, service: &str) -> Result<Option<Self>, OtlpError> {
        let named = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        let disabled = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|it| it == "true");
        if disabled || (endpoint.is_none() && !VARIABLES.iter().any(named)) {
            return Ok(None);
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let sender = Sender { client: client(), runtime: runtime.handle().clone() };
        let mut exporter = SpanExporter::builder().with_http().with_http_client(sender);
        if let Some(endpoint) = endpoint {
            exporter =
                exporter.with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')));
        }
        let exporter = exporter.build()?;
        let mut resource = Resource::builder();
        if !named(&"OTEL_SERVICE_NAME") {
            resource = resource.with_service_name(service.to_owned());
        }
        let (running, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("otlp".to_owned()).spawn(move || {
            // It is dropped, never sent.
            let _ = runtime.block_on(ended);
        })?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        EXPORTS.store(true, Ordering::Relaxed);
        Ok(Some(Self { provider, _running: running }))
    }

    /// Takes the spans of `tracing`.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        OpenTelemetryLayer::new(self.provider.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left, but not for long.
    pub(crate) fn end(self, longest: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(longest) {
            tracing::warn!(%error, "spans were lost at the end");
        }
    }
}

fn client() -> Client {
    Client::new(
        Tuning {
            idle_max: 1,
            idle: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            answer_bytes_max: ANSWER_BYTES_MAX,
        },
        None,
    )
}

/// Sends requests from any thread.
#[derive(Debug)]
struct Sender {
    client: Client,
    runtime: Handle,
}

impl HttpClient for Sender {
    fn send_bytes<'life, 'sent>(
        &'life self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'life: 'sent,
        Self: 'sent,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { client.send(request.map(Full::new)).await });
        Box::pin(async move { Ok(sent.await??) })
    }
}
