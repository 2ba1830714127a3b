//! Bodies: what a response carries, and how that of a request is read within bounds.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use prometheus_client::registry::Registry;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{Limits, Problem};

/// The body of a response.
pub(crate) type Body = Full<Bytes>;

/// Reads the body of a request, up to the bounds.
async fn read(body: Incoming, limits: &Limits) -> Result<Bytes, Problem> {
    let time = Duration::from_millis(limits.body_timeout_ms);
    let whole = Limited::new(body, limits.body_bytes_max).collect();
    match timeout(time, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Problem::unread(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))
        }
        Ok(Err(_)) => Err(Problem::unread(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => {
            Err(Problem::unread(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))
        }
    }
}

/// Reads the body of a request as JSON.
pub(crate) async fn read_json<T: DeserializeOwned>(
    body: Incoming,
    limits: &Limits,
    expected: &'static str,
) -> Result<T, Problem> {
    let bytes = read(body, limits).await?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, expected))
}

/// A response with a JSON document.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Our own structs have string keys and no failing implementation.
    let body = serde_json::to_vec(value).expect("a struct that serializes");
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A response with plain text.
pub(crate) fn text(body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// What `/metrics` answers with.
pub(crate) fn metrics(registry: &Registry) -> Response<Body> {
    let mut exposition = String::new();
    // Writing to a string cannot fail.
    let _ = prometheus_client::encoding::text::encode(&mut exposition, registry);
    let mut response = text(exposition);
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(openmetrics));
    response
}
