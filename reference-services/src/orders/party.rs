//! One who takes part, as the orders know them: bounded calls, a breaker, and what an error means.

use std::time::Duration;

use http::Uri;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tonic::{Code, Request, Status, transport::Channel};
use tracing::{Instrument, Span, field::Empty};

use super::{
    record::Order,
    saga::{Ask, Party},
};
use crate::{
    breaker::{Breaker, BreakerConfig, BreakerGauge},
    pb::participant::{PerformRequest, UndoRequest, participant_client::ParticipantClient},
    server::{TRACEPARENT, Trace, channel},
};

/// Why something is not known to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// It is not done, and will not be.
    Refused(String),
    /// It may be done or not.
    Failed(String),
}

/// Asks somebody who takes part.
#[derive(Debug)]
pub(super) struct Client {
    party: Party,
    client: ParticipantClient<Channel>,
    places: Semaphore,
    breaker: Breaker,
    timeout: Duration,
}

impl Client {
    pub(super) fn new(
        party: Party,
        uri: Uri,
        calls_max: usize,
        timeout: Duration,
        (breaker, gauge): (&BreakerConfig, BreakerGauge),
    ) -> Self {
        Self {
            party,
            client: ParticipantClient::new(channel(uri, None)),
            places: Semaphore::new(calls_max.min(Semaphore::MAX_PERMITS)),
            breaker: Breaker::new(party.name(), breaker, gauge),
            timeout,
        }
    }

    /// Asks once, under this key. Waits for a place among the calls before that: who waits has nothing
    /// better to do, and there are no more of them than open orders.
    pub(super) async fn ask(
        &self,
        ask: Ask,
        order: &Order,
        key: String,
        attempt: u32,
    ) -> Result<(), CallError> {
        // Nobody closes the semaphore.
        let _place = self.places.acquire().await.ok();
        let span = tracing::info_span!(
            "call",
            dependency = self.party.name(),
            order = order.id,
            asks = match ask {
                Ask::Perform(_) => "perform",
                Ask::Undo(_) => "undo",
            },
            attempt,
            outcome = Empty
        );
        let (outcome, called) = self.call(ask, order, key, &span).instrument(span.clone()).await;
        span.record("outcome", outcome);
        called
    }

    async fn call(
        &self,
        ask: Ask,
        order: &Order,
        key: String,
        span: &Span,
    ) -> (&'static str, Result<(), CallError>) {
        let failed = |error: String| Err(CallError::Failed(error));
        let Some(admission) = self.breaker.admit(Instant::now()) else {
            return ("rejected", failed(format!("{} is not asked for now", self.party.name())));
        };
        let called = timeout(self.timeout, self.send(ask, order, key, span)).await;
        let now = Instant::now();
        match called {
            Ok(Ok(())) => {
                admission.succeeded(now);
                ("ok", Ok(()))
            }
            Ok(Err(status)) if is_refusal(status.code()) => {
                admission.succeeded(now);
                ("refused", Err(CallError::Refused(status.message().to_owned())))
            }
            Ok(Err(status)) => {
                admission.failed(now);
                ("error", failed(format!("{} failed: {}", self.party.name(), status.message())))
            }
            Err(_) => {
                admission.failed(now);
                ("timeout", failed(format!("no answer of {} in time", self.party.name())))
            }
        }
    }

    async fn send(&self, ask: Ask, order: &Order, key: String, span: &Span) -> Result<(), Status> {
        let mut client = self.client.clone();
        let id = order.id.clone();
        match ask {
            Ask::Perform(_) => {
                let Order { item, quantity, amount_minor, .. } = *order;
                let asked = PerformRequest { key, order: id, item, quantity, amount_minor };
                client.perform(traced(asked, order, span)).await.map(drop)
            }
            Ask::Undo(_) => {
                client.undo(traced(UndoRequest { key, order: id }, order, span)).await.map(drop)
            }
        }
    }
}

/// A request of the trace that the order came with.
fn traced<T>(message: T, order: &Order, span: &Span) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(traceparent) = Trace::resume(&order.traceparent).for_call(span) {
        request.metadata_mut().insert(TRACEPARENT, traceparent);
    }
    request
}

/// Will it be the same however often it is asked?
fn is_refusal(code: Code) -> bool {
    matches!(code, Code::FailedPrecondition | Code::AlreadyExists | Code::InvalidArgument)
}
