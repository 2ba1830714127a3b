//! How the body of a request is read within bounds.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{Limits, Problem};

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
