//! A service that greets with the name that the backend knows, and without it if that takes too
//! long. Nothing in it knows that it is tested, but for the mistake that can be switched on.

use std::{error::Error, io, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Request},
    routing::get,
};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing::Instrument;

/// The defect that lets a call take as long as it takes.
pub const NO_CALL_TIMEOUT: &str = "no-call-timeout";

/// What the topology says about its host.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    listen: String,
    /// `name:port` of the backend.
    backend: String,
    call_timeout_ms: u64,
    /// Mistakes that are switched on. In a run `--defect NAME` adds to it.
    #[serde(default)]
    defects: Vec<String>,
}

#[derive(Clone)]
struct Frontend {
    config: Config,
    client: Client<HttpConnector, Empty<Bytes>>,
}

/// Serves until the process ends.
///
/// # Errors
///
/// When it cannot listen.
pub async fn run(config: Config) -> io::Result<()> {
    let listener = TcpListener::bind(&config.listen).await?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let app = Router::new()
        .route("/greeting", get(greeting))
        .with_state(Frontend { config, client });
    axum::serve(listener, app).await
}

async fn greeting(State(frontend): State<Frontend>, headers: HeaderMap) -> Json<Value> {
    // A red run shows this span under its request. Its target would be the name of the crate, and
    // is part of the record.
    let span = tracing::info_span!(
        target: "frontend",
        "call",
        trace_id = trace_id(&headers),
        dependency = "backend"
    );
    match frontend.ask().instrument(span).await {
        Ok(name) => Json(json!({ "greeting": format!("Hello, {name}"), "degraded": [] })),
        Err(_) => Json(json!({ "greeting": "Hello", "degraded": ["name"] })),
    }
}

impl Frontend {
    /// The name that the backend knows, within the timeout.
    async fn ask(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        if self.config.defects.iter().any(|it| it == NO_CALL_TIMEOUT) {
            return self.call().await;
        }
        let timeout = Duration::from_millis(self.config.call_timeout_ms);
        tokio::time::timeout(timeout, self.call()).await?
    }

    async fn call(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        let uri = format!("http://{}/name", self.config.backend);
        let request = Request::get(uri).body(Empty::new())?;
        let answer = self.client.request(request).await?;
        let body = answer.into_body().collect().await?.to_bytes();
        let body: Value = serde_json::from_slice(&body)?;
        Ok(body["name"].as_str().ok_or("expected a name")?.to_owned())
    }
}

/// The trace that the W3C header `traceparent` names: it ties the span to its request.
fn trace_id(headers: &HeaderMap) -> &str {
    let parent = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    parent
        .and_then(|parent| parent.split('-').nth(1))
        .unwrap_or_default()
}
