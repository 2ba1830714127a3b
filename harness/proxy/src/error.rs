//! What can go wrong with a request, in the words and with the status codes of Toxiproxy.

use http::StatusCode;

use crate::json;

/// A request that is refused: an HTTP status and a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad_body(why: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("bad request body: {}", why.as_ref()))
    }

    pub(crate) fn missing_field(field: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("missing required field: {field}"))
    }

    pub(crate) fn proxy_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "proxy not found")
    }

    pub(crate) fn proxy_already_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "proxy already exists")
    }

    pub(crate) fn invalid_stream() -> Self {
        let message = "stream was invalid, can be either upstream or downstream";
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn invalid_toxic_type() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid toxic type")
    }

    pub(crate) fn toxic_already_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "toxic already exists")
    }

    pub(crate) fn toxic_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "toxic not found")
    }

    /// What Toxiproxy has no status for: an address that cannot be listened on.
    pub(crate) fn server(why: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string())
    }

    /// Ours: Toxiproxy listens anywhere.
    pub(crate) fn not_loopback(address: &str) -> Self {
        let message = format!(
            "listen address \"{address}\" is not loopback, and this server does not allow others \
             (start it with --allow-remote)"
        );
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// Ours: Toxiproxy reads bodies of any size.
    pub(crate) fn body_too_large(most: usize) -> Self {
        let message = format!("request body is larger than {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// Ours: Toxiproxy breaks the connection off.
    pub(crate) fn body_too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request body took too long")
    }

    /// The fields of an answer.
    pub(crate) fn fields(&self) -> String {
        format!("\"error\":{},\"status\":{}", json::text(&self.message), self.status.as_u16())
    }
}
