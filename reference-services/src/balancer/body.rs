//! Bodies on their way through: passed on piece by piece, never collected, and given up when nothing
//! comes for too long.

use std::{
    error::Error,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{Either, Empty, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep},
};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request to an endpoint.
pub(super) type RequestBody = Either<Empty<Bytes>, Uploaded<Limited<Watched<Incoming>>>>;

/// Nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("a body stalled")]
pub(super) struct Stalled;

/// Whom a request waits for: its client for the rest of the body, or the endpoint to take what is
/// there and to answer. A client that is slow is not the endpoint's fault.
#[derive(Clone, Debug)]
pub(super) struct Turn(Arc<Mutex<Option<Instant>>>);

impl Turn {
    /// Nobody's yet.
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// It is the endpoint's turn from now on.
    pub(super) fn begin(&self) {
        self.set(Some(Instant::now()));
    }

    /// Since when it has been the endpoint's turn, if it is.
    pub(super) fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// The body of a client's request, which says whose turn it is, and fails when all of it takes too
/// long.
#[derive(Debug)]
pub(super) struct Uploaded<B> {
    body: B,
    turn: Turn,
    until: Pin<Box<Sleep>>,
    /// Its place among the uploads, until nothing is to come any more.
    place: Option<OwnedSemaphorePermit>,
}

impl<B> Uploaded<B> {
    pub(super) fn new(body: B, turn: Turn, longest: Duration, place: OwnedSemaphorePermit) -> Self {
        Self { body, turn, until: Box::pin(sleep(longest)), place: Some(place) }
    }

    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }
}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Body for Uploaded<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.turn.begin();
            if frame.is_none() || this.body.is_end_stream() {
                this.place = None;
            }
            return Poll::Ready(frame);
        }
        this.turn.set(None);
        ready!(this.until.as_mut().poll(cx));
        Poll::Ready(Some(Err(Stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

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
