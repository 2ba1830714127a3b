//! The orchestrator's own requests: probes, hooks, endpoints, metrics.

use std::time::Duration;

use ::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;

use crate::{load::Client, run::environment::Environment};

/// Sends a request on a connection of its own and waits for the answer, for so long at most.
pub(super) async fn send(
    env: &impl Environment,
    method: Method,
    target: &str,
    path: &str,
    body: String,
    timeout: Duration,
) -> Result<(StatusCode, Bytes), &'static str> {
    let client = Client::new(env.clone(), target, 0);
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, target);
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request =
        request.body(Full::from(body)).expect("a checked plan has paths that make requests");
    match tokio::time::timeout(timeout, client.send(request)).await {
        Ok(answer) => answer.map(|answer| (answer.status, answer.body)),
        Err(_) => Err("timeout"),
    }
}

/// Sends a GET and waits for the answer, for so long at most.
pub(super) async fn get(
    env: &impl Environment,
    target: &str,
    path: &str,
    timeout: Duration,
) -> Result<(StatusCode, Bytes), &'static str> {
    send(env, Method::GET, target, path, String::new(), timeout).await
}
