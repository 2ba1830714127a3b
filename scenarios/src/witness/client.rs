//! One request on a connection of its own, and its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header, request::Builder};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use squall::BoxError;
use tokio::net::TcpStream;
use tokio::{task::JoinSet, time::timeout};

/// How long a witness waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// No answer is longer.
const BYTES_MAX: usize = 1024 * 1024;

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Null if it is not JSON.
    pub(crate) body: Value,
}

/// Asks `target` with a request that has no body.
pub(super) async fn ask(target: &str, request: Builder) -> Result<Answer, BoxError> {
    send(target, request, String::new()).await
}

/// Sends a request with a body to `target`, as `host:port`.
pub(crate) async fn send(target: &str, request: Builder, body: String) -> Result<Answer, BoxError> {
    let request = request
        .header(header::HOST, target)
        .header(header::CONNECTION, "close")
        .body(Full::from(body))?;
    timeout(PATIENCE, converse(target, request)).await?
}

async fn converse(target: &str, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
    let stream = TcpStream::connect(target).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this function.
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // Its errors reach the one who waits for the answer.
        let _ = connection.await;
    });
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, BYTES_MAX).collect().await?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Answer { status: head.status, headers: head.headers, body })
}
