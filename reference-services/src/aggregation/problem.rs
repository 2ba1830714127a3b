//! Errors as `application/problem+json` (RFC 9457).

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::http::Body;

/// An answer that is an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: &'static str,
    /// Seconds.
    retry_after: Option<u64>,
    allow: bool,
    close: bool,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: &'static str) -> Self {
        Self { status, detail, retry_after: None, allow: false, close: false }
    }

    /// The one asked has no place left: worth trying again, but not at once.
    pub(super) fn shed(detail: &'static str, retry_after_s: u64) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        Self { retry_after: Some(retry_after_s), ..problem }
    }

    pub(super) fn method_not_allowed() -> Self {
        let detail = "this resource can only be read";
        Self { allow: true, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// The body of the request is not read, so the connection cannot be used again.
    pub(super) fn body_too_large() -> Self {
        let detail = "a request takes no body";
        Self { close: true, ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail) }
    }

    pub(super) fn response(self) -> Response<Body> {
        #[derive(Serialize)]
        struct Fields {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            detail: &'static str,
        }
        let fields = Fields {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("error"),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = super::http::json(self.status, &fields);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
