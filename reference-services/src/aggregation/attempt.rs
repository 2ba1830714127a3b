//! One attempt of a call, at one endpoint: past the breaker and before the deadline, and how it is seen
//! and accounted for.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tonic::{Request, Status};
use tracing::{Span, field::Empty};

use super::{
    config::Config,
    defect::Defect,
    endpoint::Endpoint,
    failure::{CallError, Failure, judge},
    metrics::{CallMetrics, CallOutcome},
    section::Section,
    upstream::Upstream,
};
use crate::server::{TRACEPARENT, Trace};

/// What a call knows of the request that it is made for.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) deadline: Instant,
    pub(super) trace: Trace,
    /// Weak, because a call must not keep the span of its request open.
    pub(super) span: Weak<Span>,
}

/// A call, as all of its attempts know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) upstream: &'a Arc<Upstream>,
    /// As it was when the call began.
    pub(super) config: &'a Arc<Config>,
    pub(super) context: &'a Context,
    /// Of the product.
    pub(super) id: u64,
    pub(super) deadline: Option<Instant>,
}

impl Call<'_> {
    /// Is there time enough for an attempt that begins at `at`?
    pub(super) fn is_useful_at(&self, at: Instant) -> bool {
        let useful = Duration::from_millis(self.config.retry.useful_ms);
        self.deadline.is_none_or(|deadline| at + useful <= deadline)
    }
}

/// The attempt with this number, at `endpoint`. Dropped, it is cancelled there.
pub(super) async fn attempt<S: Section>(
    call: Call<'_>,
    number: u32,
    endpoint: &Arc<Endpoint>,
    hedge: bool,
) -> Result<S::Reply, Failure> {
    let Call { upstream, context, id, deadline, .. } = call;
    let attempt = Attempt::begin(upstream, context, number);
    if upstream.endpoints.several() {
        attempt.show(endpoint, hedge);
    }
    let Some(admission) = upstream.breaker.admit(attempt.begun) else {
        attempt.reject();
        return Err(Failure::fatal(CallError::BreakerOpen));
    };
    let admission = if upstream.defects.has(Defect::BreakerWedges) {
        // Defect: a call that is dropped unfinished is not accounted for.
        admission.unguarded()
    } else {
        admission
    };
    let _in_flight = endpoint.enter();
    let mut request = Request::new(S::request(id));
    if let Some(traceparent) = context.trace.for_call(&attempt.span) {
        request.metadata_mut().insert(TRACEPARENT, traceparent);
    }
    let answer = match deadline {
        Some(deadline) => {
            if !upstream.defects.has(Defect::NoDeadlineSent) {
                request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            }
            timeout_at(deadline, S::call(upstream.channel(endpoint), request)).await
        }
        None => Ok(S::call(upstream.channel(endpoint), request).await),
    };
    let now = Instant::now();
    let status = match answer {
        Ok(Ok(reply)) => {
            admission.succeeded(now);
            upstream.budget.succeeded();
            upstream.endpoints.succeeded(endpoint, now);
            if let Some(hedging) = &upstream.hedging {
                hedging.took(now - attempt.begun);
            }
            attempt.end(CallOutcome::Ok);
            return Ok(reply);
        }
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded("no answer in time"),
    };
    let (failure, outcome) = judge(&status);
    // Defect: whatever is not OK is a failure.
    let counts = !failure.refused || upstream.defects.has(Defect::BreakerCountsRefusals);
    if !counts {
        admission.succeeded(now);
        upstream.endpoints.succeeded(endpoint, now);
    } else {
        tracing::debug!(dependency = upstream.kind.name(), number, %status, "the call failed");
        admission.failed(now);
        upstream.budget.failed();
        upstream.endpoints.failed(endpoint, now);
    }
    match &upstream.hedging {
        Some(hedging) if outcome == CallOutcome::Timeout => hedging.took(now - attempt.begun),
        Some(hedging) if failure.put_off => hedging.put_off(now, failure.not_before),
        _ => {}
    }
    attempt.end(outcome);
    Err(failure)
}

/// An attempt as an observer sees it: a span and its metrics, closed when this is dropped.
pub(super) struct Attempt<'a> {
    span: Span,
    metrics: &'a CallMetrics,
    begun: Instant,
    /// Stays as it is when the attempt is dropped unfinished.
    outcome: CallOutcome,
}

impl<'a> Attempt<'a> {
    pub(super) fn begin(upstream: &'a Upstream, context: &Context, number: u32) -> Self {
        let request = context.span.upgrade();
        let span = tracing::info_span!(
            parent: request.as_deref().and_then(Span::id),
            "call",
            dependency = upstream.kind.name(),
            attempt = number,
            endpoint = Empty,
            hedge = Empty,
            trace_id = Empty,
            outcome = Empty
        );
        if request.is_none() {
            // Only a defect comes here: its request is gone, and a number is all that is left.
            span.record("trace_id", tracing::field::display(context.trace));
        }
        let metrics = &upstream.metrics;
        metrics.in_flight.inc();
        Self { span, metrics, begun: Instant::now(), outcome: CallOutcome::Cancelled }
    }

    /// Says which of several endpoints it is at.
    fn show(&self, endpoint: &Endpoint, hedge: bool) {
        self.span.record("endpoint", &endpoint.address);
        if hedge {
            self.span.record("hedge", true);
        }
    }

    fn end(mut self, outcome: CallOutcome) {
        self.outcome = outcome;
    }

    pub(super) fn reject(self) {
        self.end(CallOutcome::Rejected);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.name());
        self.metrics.in_flight.dec();
        self.metrics.count(self.outcome, self.begun.elapsed());
    }
}
