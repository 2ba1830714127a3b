//! How long a stream took to its first message: a span `first message` on the client's host, from
//! the intended start of the request on, so that a stalled client hides nothing.

use squall_reports::record::{Outcome, RequestId, WARM_UP};

use crate::run::environment::Environment;

/// What becomes of the first message of one attempt. Dropped without an end, the client gave it up
/// before there was one.
pub(super) struct FirstMessage<E: Environment> {
    environment: E,
    request: RequestId,
    intended: u64,
    attempt: u8,
    is_awaited: bool,
}

impl<E: Environment> FirstMessage<E> {
    /// The first message of an attempt of a request that was meant to start at `intended`; nobody
    /// looks at those of unary calls and of requests that warm up.
    pub(super) fn new(
        environment: E,
        request: RequestId,
        intended: u64,
        attempt: u8,
        streams: bool,
    ) -> Self {
        Self { environment, request, intended, attempt, is_awaited: streams && request != WARM_UP }
    }

    /// A message came.
    pub(super) fn came(&mut self) {
        self.note(Some("ok"));
    }

    /// The attempt ended. A stream that succeeded and had no message has no first one.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if outcome == Outcome::Succeeded {
            self.is_awaited = false;
        }
        self.note(Some(outcome.name()));
    }

    fn note(&mut self, outcome: Option<&str>) {
        if std::mem::take(&mut self.is_awaited) {
            let attempt = self.attempt.to_string();
            let outcome = outcome.map(|outcome| ("outcome", outcome));
            let pairs: Vec<_> =
                [Some(("attempt", &*attempt)), outcome].into_iter().flatten().collect();
            self.environment.note_span("first message", self.request, self.intended, &pairs);
        }
    }
}

impl<E: Environment> Drop for FirstMessage<E> {
    fn drop(&mut self) {
        self.note(None);
    }
}
