//! The body of a request, bounded in size and in time.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{
    error::ApiError,
    json::{Value, first_value},
};

/// Enough for thousands of proxies.
pub(crate) const SIZE_MAX: usize = 4 * 1024 * 1024;

/// More than that is not even read and thrown away.
const DISCARDED_MAX: usize = 256 * 1024 * 1024;

/// As long as Toxiproxy waits for a request.
const TIME_MAX: Duration = Duration::from_secs(15);

/// The JSON of a body. One that is too large is read to its end all the same, so that a client
/// that first writes and then reads sees the answer.
pub(crate) async fn json(mut body: Incoming) -> Result<Value, ApiError> {
    let read = async {
        let (mut kept, mut size) = (BytesMut::new(), 0_usize);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ApiError::bad_body(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            size += data.len();
            if size <= SIZE_MAX {
                kept.put(data);
            } else if size > DISCARDED_MAX {
                break;
            }
        }
        if size > SIZE_MAX { Err(ApiError::body_too_large(SIZE_MAX)) } else { Ok(kept) }
    };
    let text = timeout(TIME_MAX, read).await.map_err(|_| ApiError::body_too_slow())??;
    first_value(&text).map_err(ApiError::bad_body)
}
