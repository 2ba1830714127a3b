//! The answer of an endpoint on its way to the client: what it holds until its last piece has passed.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    body::{BoxError, Watched},
    endpoint::{InFlight, Sender},
};
use crate::server::keeping;

/// The body of an answer to a client: our own, or that of an endpoint.
pub(super) type AnswerBody = Either<Full<Bytes>, Passed>;

/// What is held until the last piece of an answer is passed on.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) sender: Sender,
    pub(super) in_flight: InFlight,
    pub(super) place: Option<Arc<OwnedSemaphorePermit>>,
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
        // Nothing of the answer was sent, so that no piece of it shares the place.
        self.held.and_then(|held| held.place).and_then(Arc::into_inner)
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
        let place = self.held.as_ref().and_then(|held| held.place.clone());
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // The place is taken until what is sent has been read.
        let frame = frame.map(|frame| frame.map(|frame| frame.map_data(|it| keeping(it, place))));
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
