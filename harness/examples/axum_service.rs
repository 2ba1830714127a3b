//! A service of one's own: an axum frontend that calls an axum backend, and a scenario in which
//! the backend hangs.
//!
//! `cargo run -p squall --example axum_service` runs it and ends with 0 if it passed. With
//! `-- --no-timeout` the frontend waits for the backend as long as it takes, and the run is red.

use std::{io, process::ExitCode, time::Duration};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::get};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use squall::{
    BoxError, Scenario, Services,
    objective::{Phase, availability, degraded, p99, recovers, returns_to_baseline},
    plan::{Load, Plan, RequestSpec, Topology, hang},
};
use squall_reports::{
    terminal::{self, Look},
    verdict::Verdict,
};
use tokio::net::{TcpListener, TcpStream};
use tracing::Instrument;

// The services: ordinary axum.

#[derive(Clone, Debug, Deserialize)]
struct Backend {
    listen: String,
}

async fn backend(config: Backend) -> io::Result<()> {
    let app = Router::new().route("/name", get(name));
    let listener = TcpListener::bind(config.listen).await?;
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await
}

async fn name() -> Json<Value> {
    // What this work costs a processor; nothing outside of a run, where the work itself costs it.
    squall_os::cpu::spend(Duration::from_micros(200)).await;
    Json(json!({ "name": "Ada" }))
}

#[derive(Clone, Debug, Deserialize)]
struct Frontend {
    listen: String,
    backend: String,
    call_timeout_ms: Option<u64>,
}

async fn frontend(config: Frontend) -> io::Result<()> {
    let listener = TcpListener::bind(&config.listen).await?;
    let app = Router::new().route("/greeting", get(greeting)).with_state(config);
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await
}

async fn greeting(State(config): State<Frontend>, headers: HeaderMap) -> Json<Value> {
    let span = tracing::info_span!("call", trace_id = trace_id(&headers), dependency = "backend");
    let call = ask(&config.backend).instrument(span);
    let name = match config.call_timeout_ms {
        Some(ms) => tokio::time::timeout(Duration::from_millis(ms), call).await.ok(),
        None => Some(call.await),
    };
    match name.and_then(Result::ok) {
        Some(name) => Json(json!({ "greeting": format!("Hello, {name}"), "degraded": [] })),
        None => Json(json!({ "greeting": "Hello", "degraded": ["name"] })),
    }
}

/// Asks the backend for the name, on a connection of its own.
async fn ask(backend: &str) -> Result<String, BoxError> {
    let stream = TcpStream::connect(backend).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors reach the request.
    tokio::spawn(connection);
    let request = Request::get("/name").header("host", backend).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let body: Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    Ok(body["name"].as_str().ok_or("expected a name")?.to_owned())
}

/// The trace that the W3C header `traceparent` names: it ties the span to its request.
fn trace_id(headers: &HeaderMap) -> &str {
    let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    parent.and_then(|parent| parent.split('-').nth(1)).unwrap_or_default()
}

async fn stopped() {
    // Without signal handlers the service is just killed.
    let _ = squall_os::signal::terminate().await;
}

// The scenario: two hosts, their clients, a fault, and what must hold.

fn scenario(call_timeout_ms: Option<u64>) -> Scenario {
    let ms = Duration::from_millis;
    let topology = Topology::new()
        .host("backend", "backend", json!({ "listen": "0.0.0.0:8081" }))
        .host(
            "frontend",
            "frontend",
            json!({
                "listen": "0.0.0.0:8080",
                "backend": "backend:8081",
                "call_timeout_ms": call_timeout_ms,
            }),
        )
        .client("clients");
    let request =
        RequestSpec::get("/greeting").expect_present("/greeting").degraded_by("/degraded");
    let load = Load::constant("clients", "frontend:8080", 200.0).lasts(ms(5_000)).request(request);
    let plan = Plan::new(topology)
        .load(load)
        .fault(hang("backend").from(ms(1_000)).until(ms(3_000)))
        .objective(availability().at_least(0.999))
        .objective(p99().at_most(ms(100)))
        .objective(degraded().none().in_phase(Phase::After))
        .objective(recovers(p99().at_most(ms(20))).holding_for(ms(500)).within(ms(500)))
        .objective(returns_to_baseline("tasks").on_host("frontend"));
    let services = Services::new().with("backend", backend).with("frontend", frontend);
    let hypothesis = "When the backend hangs, greetings come without a name, and in time";
    Scenario::new("backend-hung", hypothesis, plan, services)
}

fn main() -> ExitCode {
    let without = std::env::args().any(|argument| argument == "--no-timeout");
    let scenario = scenario((!without).then_some(50));
    let seed = 1;
    let run = match squall::run(&scenario, seed) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(4);
        }
    };
    let again = "cargo run -p squall --example axum_service";
    print!("{}", terminal::report(&run.record, &run.judgement, again, Look::PLAIN));
    if run.verdict() == Verdict::Pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
