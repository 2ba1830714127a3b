//! How much of all answers together may wait to be read.
//!
//! An answer is in memory until its client has read it, and clients need not. So each counts against
//! a bound for as long as any of its bytes is here, wherever in the server that is.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::Response;
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;

use super::{Body, Problem};

/// Answers up to this size need no room: there is one for each connection, of which there are so many.
/// Whoever asks how the service is, or hands something in, is told so whatever others do not read.
const SMALL: usize = 4 << 10;

/// The answers of a server that have not been read.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    room: Arc<Semaphore>,
}

/// Bytes, and what is kept until the last of them has gone.
struct Kept<P> {
    bytes: Bytes,
    _until_gone: P,
}

impl<P> AsRef<[u8]> for Kept<P> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The same bytes, which keep `what` until the last of them is dropped.
pub(crate) fn keeping<P: Send + 'static>(bytes: Bytes, what: P) -> Bytes {
    if bytes.is_empty() {
        return bytes;
    }
    Bytes::from_owner(Kept { bytes, _until_gone: what })
}

impl Answers {
    /// Room for so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))) }
    }

    /// The answer as it counts; that it is turned away if there is no room for it.
    pub(crate) fn hold(&self, answer: Response<Body>) -> Response<Body> {
        let (head, body) = answer.into_parts();
        let bytes = into_bytes(body);
        if bytes.len() <= SMALL {
            return Response::from_parts(head, Full::new(bytes));
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        match Arc::clone(&self.room).try_acquire_many_owned(length) {
            Ok(room) => Response::from_parts(head, Full::new(keeping(bytes, room))),
            Err(_) => Problem::shed("too many answers have not been read", 1).response(),
        }
    }
}

/// A body of ours is there at once.
fn into_bytes(mut body: Body) -> Bytes {
    let frame = body.frame().now_or_never().flatten();
    frame.and_then(|frame| frame.ok()?.into_data().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::server::text;

    #[test]
    fn answers_count_until_their_last_byte_has_gone() {
        let answers = Answers::new(10 * SMALL);
        let body = |answer: Response<Body>| into_bytes(answer.into_body());
        let large = |parts: usize| text("x".repeat(parts * SMALL));
        let mut first = body(answers.hold(large(8)));
        assert_eq!(first.len(), 8 * SMALL);
        let second = body(answers.hold(large(2)));
        assert_eq!(answers.hold(large(2)).status(), StatusCode::SERVICE_UNAVAILABLE);
        // Half of it has been written.
        let rest = first.split_off(4);
        drop(first);
        assert_eq!(answers.hold(large(3)).status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(rest);
        assert_eq!(answers.hold(large(8)).status(), StatusCode::OK);
        drop(second);
    }

    #[test]
    fn what_is_small_needs_no_room() {
        let answers = Answers::new(0);
        assert_eq!(answers.hold(text("ready\n")).status(), StatusCode::OK);
        let larger = answers.hold(text("x".repeat(SMALL + 1)));
        assert_eq!(larger.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
