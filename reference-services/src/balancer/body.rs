//! Bodies on their way through: passed on piece by piece, never collected, and given up when nothing
//! comes for too long.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{Either, Empty, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request to an endpoint.
pub(super) type RequestBody = Either<Empty<Bytes>, Limited<Watched<Incoming>>>;

/// Nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("a body stalled")]
pub(super) struct Stalled;

/// A body that fails when nothing comes for too long.
#[derive(Debug)]
pub(super) struct Watched<B> {
    body: B,
    longest: Duration,
    /// Only while nothing comes: most bodies are there at once.
    silence: Option<Pin<Box<Sleep>>>,
}

impl<B> Watched<B> {
    pub(super) fn new(body: B, longest: Duration) -> Self {
        Self { body, longest, silence: None }
    }
}

impl<B> Body for Watched<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.silence = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let longest = this.longest;
        let silence = this.silence.get_or_insert_with(|| Box::pin(sleep(longest)));
        ready!(silence.as_mut().poll(cx));
        Poll::Ready(Some(Err(Stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
