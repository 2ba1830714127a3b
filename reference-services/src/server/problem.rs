//! Errors as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{Body, json};

/// An answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    /// Seconds.
    retry_after: Option<u64>,
    allow: Option<&'static str>,
    close: bool,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into(), retry_after: None, allow: None, close: false }
    }

    /// The one asked has no place left: worth trying again, but not at once.
    pub(crate) fn shed(detail: &'static str, retry_after_s: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after_s)
    }

    /// The resource takes other methods: those of `allow`.
    pub(crate) fn method_not_allowed(detail: &'static str, allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// The body of the request is not read to its end, so the connection cannot be used again.
    pub(crate) fn unread(status: StatusCode, detail: &'static str) -> Self {
        Self { close: true, ..Self::new(status, detail) }
    }

    /// The same for a request whose body is not read.
    pub(crate) fn unread_shed(detail: &'static str, retry_after_s: u64) -> Self {
        Self { close: true, ..Self::shed(detail, retry_after_s) }
    }

    /// The one asked wants to be asked again, but not before this.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    pub(crate) fn response(self) -> Response<Body> {
        #[derive(Serialize)]
        struct Fields<'a> {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            detail: &'a str,
        }
        let fields = Fields {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let mut response = json(self.status, &fields);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
