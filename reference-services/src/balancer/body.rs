//! Bodies on their way through: passed on piece by piece, never collected.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{Either, Empty, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

use super::endpoint::{InFlight, Sender};

type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request to an endpoint.
pub(super) type RequestBody = Either<Empty<Bytes>, Limited<Watched<Incoming>>>;

/// The body of an answer to a client: our own, or that of an endpoint.
pub(super) type AnswerBody = Either<Full<Bytes>, Passed>;

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

/// What is held until the last piece of an answer is passed on.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) sender: Sender,
    pub(super) in_flight: InFlight,
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// The body of an endpoint's answer.
#[derive(Debug)]
pub(super) struct Passed {
    body: Watched<Incoming>,
    held: Option<Held>,
}

impl Passed {
    pub(super) fn new(body: Incoming, longest: Duration, held: Held) -> Self {
        let mut passed = Self { body: Watched::new(body, longest), held: Some(held) };
        passed.release_at_end();
        passed
    }

    /// The place of an answer that is not passed on; its connection is closed.
    pub(super) fn into_place(self) -> Option<OwnedSemaphorePermit> {
        self.held.and_then(|held| held.place)
    }

    /// After the last piece the connection can carry the next request. One that is dropped before
    /// cannot: the rest of the answer is still to come on it.
    fn release_at_end(&mut self) {
        if self.body.is_end_stream()
            && let Some(Held { sender, in_flight, .. }) = self.held.take()
        {
            in_flight.0.put_back(sender);
        }
    }
}

impl Body for Passed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => self.release_at_end(),
            Some(Err(_)) => self.held = None,
            None => {
                if let Some(Held { sender, in_flight, .. }) = self.held.take() {
                    in_flight.0.put_back(sender);
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
