//! `POST /v1/process`: takes its time, and takes no more than so many calls at once.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, field::Empty};

use super::{
    Config,
    keys::Keys,
    metrics::{Metrics, Outcome},
    streams::Streams,
};
use crate::{
    config::Live,
    server::{Body, Handler, Probes, Problem, Trace, json, read_json},
    tls,
};

/// What a call sends.
#[derive(Debug, Deserialize)]
struct Call {
    id: String,
    #[serde(default)]
    payload: Value,
}

/// What it gets.
#[derive(Debug, Serialize)]
struct Processed<'a> {
    id: &'a str,
    digest: String,
}

/// Everything that calls share.
#[derive(Debug)]
pub(super) struct Api {
    config: Live<Config>,
    places: Semaphore,
    keys: Keys,
    streams: Streams,
    pub(super) probes: Probes,
    metrics: Metrics,
}

impl Api {
    pub(super) fn new(config: Live<Config>, listener: Option<&tls::Metrics>) -> Self {
        let first = config.get();
        let places = Semaphore::new(first.concurrency_max.min(Semaphore::MAX_PERMITS));
        let (metrics, mut registry) = Metrics::new();
        config.register(&mut registry);
        tls::register(&mut registry, [("http", listener)]);
        let keys = Keys::new(first.keys_max);
        let (streams, probes) = (Streams::default(), Probes::new(registry));
        Self { config, places, keys, streams, probes, metrics }
    }

    async fn process(&self, request: Request<Incoming>) -> Response<Body> {
        let trace = Trace::of(request.headers());
        let span = tracing::info_span!(
            parent: None, "process", job = Empty, trace_id = %trace, outcome = Empty
        );
        trace.adopt(&span);
        self.metrics.in_flight.inc();
        let mut observed =
            Observed { span: span.clone(), metrics: &self.metrics, outcome: Outcome::Cancelled };
        let (outcome, response) = self.answer(request, &span).instrument(span.clone()).await;
        observed.outcome = outcome;
        response
    }

    async fn answer(&self, request: Request<Incoming>, span: &Span) -> (Outcome, Response<Body>) {
        let config = self.config.get();
        // Before the body: what is turned away should cost nothing.
        let Ok(_place) = self.places.try_acquire() else {
            let detail = "too many calls at once";
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
            let problem = problem.retry_after(config.retry_after_s);
            return (Outcome::Limited, problem.response());
        };
        let key = request.headers().get("idempotency-key").map(|key| key.as_bytes().to_vec());
        let expected = "expected a JSON object with an id and a payload";
        let call: Call = match read_json(request.into_body(), &config.http, expected).await {
            Ok(call) => call,
            Err(problem) => return (Outcome::ClientError, problem.response()),
        };
        span.record("job", &*call.id);
        if config.cpu_us > 0 {
            squall_os::cpu::spend(Duration::from_micros(config.cpu_us)).await;
        }
        let latency = config.latency.sample(&mut rand::rng());
        tokio::time::sleep(latency).await;
        if call.payload.get("poison") == Some(&Value::Bool(true)) {
            let detail = "this payload can not be processed";
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
            return (Outcome::Poison, problem.response());
        }
        // At one instant at the end: who goes away before has called for nothing.
        let digest = digest(&call.payload);
        let known = key.and_then(|key| self.keys.enter(key, &digest));
        let (outcome, digest) = match known {
            Some(first) if first != digest => {
                let detail = "the idempotency key belongs to another payload";
                let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
                return (Outcome::ClientError, problem.response());
            }
            Some(first) => {
                tracing::info!(job = call.id, "job was processed already");
                (Outcome::Repeated, first)
            }
            None => {
                tracing::info!(job = call.id, "job processed");
                if let Some(stream) = self.streams.enter(&call.payload) {
                    tracing::warn!(job = call.id, stream, "job out of order");
                }
                (Outcome::Ok, digest)
            }
        };
        (outcome, json(StatusCode::OK, &Processed { id: &call.id, digest }))
    }
}

impl Handler for Api {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/v1/process") => self.process(request).await,
            (_, "/v1/process") => {
                Problem::method_not_allowed("this resource takes POST", "POST").response()
            }
            _ => self.probes.answer(&request),
        }
    }
}

/// FNV-1a of the payload: a result that shows what it was made from.
fn digest(payload: &Value) -> String {
    let bytes = payload.to_string().into_bytes();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// A call as an observer sees it, up to its answer or until its caller went away.
struct Observed<'a> {
    span: Span,
    metrics: &'a Metrics,
    outcome: Outcome,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.name());
        self.metrics.in_flight.dec();
        self.metrics.count(self.outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_fnv_1a() {
        assert_ne!(digest(&serde_json::json!(1)), digest(&serde_json::json!(2)));
        assert_eq!(digest(&serde_json::json!(1)), "af63ac4c86019afc");
    }
}
