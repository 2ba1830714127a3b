//! One message to a collector, and its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Endpoint;

/// Bytes of an answer: messages of collectors have a few dozen.
const ANSWER_MAX: usize = 64 * 1_024;

/// Characters of an answer that are shown.
const SHOWN_MAX: usize = 200;

/// Why a collector did not take a message.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotPost {
    #[error("expected an answer within {} s, found none", .0.as_secs())]
    TimedOut(Duration),
    #[error("{0}")]
    Connect(#[source] std::io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[source] hyper::Error),
    #[error("expected an answer that can be read, found: {0}")]
    Unreadable(String),
    #[error("expected a status of 200 to 299, found {status}: {text}")]
    Refused { status: StatusCode, text: String },
}

/// Posts `body` to `endpoint` and returns the body of the answer.
pub(super) async fn post(
    endpoint: &Endpoint,
    headers: &HeaderMap,
    body: Vec<u8>,
    patience: Duration,
) -> Result<Bytes, CannotPost> {
    let request = request(endpoint, headers, body);
    let exchanged = tokio::time::timeout(patience, exchange(endpoint, request)).await;
    let (status, body) = exchanged.map_err(|_| CannotPost::TimedOut(patience))??;
    if status.is_success() {
        return Ok(body);
    }
    // On one line, and nothing that a terminal would act on.
    let text = String::from_utf8_lossy(&body);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let text = text.chars().take(SHOWN_MAX).map(printable).collect::<String>().trim().to_owned();
    Err(CannotPost::Refused { status, text })
}

fn request(endpoint: &Endpoint, headers: &HeaderMap, body: Vec<u8>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = endpoint.path.parse().expect("the path of a URL that was parsed");
    let own = request.headers_mut();
    own.extend(headers.clone());
    let host = HeaderValue::from_str(&endpoint.authority).expect("part of a URL that was parsed");
    own.insert(header::HOST, host);
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    own.insert(header::CONNECTION, HeaderValue::from_static("close"));
    request
}

async fn exchange(
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), CannotPost> {
    let stream = TcpStream::connect(&endpoint.address).await.map_err(CannotPost::Connect)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(CannotPost::Broken)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(CannotPost::Broken)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        let body = body.map_err(|error| CannotPost::Unreadable(error.to_string()))?;
        Ok((head.status, body.to_bytes()))
    };
    tokio::pin!(exchange);
    // The connection works while the exchange goes on; its errors reach the exchange.
    tokio::select! {
        biased;
        answer = &mut exchange => return answer,
        _ = connection => {}
    }
    exchange.await
}
