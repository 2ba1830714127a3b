//! Bodies: what a response carries.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use prometheus_client::registry::Registry;
use serde::Serialize;

/// The body of a response.
pub(crate) type Body = Full<Bytes>;

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
