//! One call to one dependency: bulkhead, then attempts, each past the breaker and before the
//! deadline.
//!
//! A call lives in the future of its request: when the client goes away hyper drops that future,
//! the call with it, and the stream to the dependency is reset.

use std::{
    error::Error,
    sync::{Arc, Weak},
    time::Duration,
};

use rand::Rng;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Request, Status, TimeoutExpired};
use tracing::{Span, field::Empty};

use super::{
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

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The bulkhead was full.
    Full,
    /// The breaker is open.
    BreakerOpen,
    /// No answer within the deadline.
    Timeout,
    /// The dependency does not know the product.
    NotFound,
    /// The dependency answered with an error or the connection failed.
    Failed,
}

/// Asks `upstream` for its section of the document of product `id`.
pub(super) async fn ask<S: Section>(
    upstream: &Arc<Upstream>,
    context: &Context,
    id: u64,
) -> Result<S::Reply, CallError> {
    let defects = upstream.defects;
    if defects.uncancelled_calls || defects.detached_deadline {
        // Defect: nothing ends this task when its request ends.
        let (upstream, context) = (Arc::clone(upstream), context.clone());
        let task = tokio::spawn(async move { call::<S>(&upstream, &context, id).await });
        return task.await.unwrap_or(Err(CallError::Failed));
    }
    call::<S>(upstream, context, id).await
}

async fn call<S: Section>(
    upstream: &Upstream,
    context: &Context,
    id: u64,
) -> Result<S::Reply, CallError> {
    let deadline = deadline(upstream, context);
    let mut number = 1;
    let Some(_place) = upstream.bulkhead.enter() else {
        Attempt::begin(upstream, context, number).reject();
        return Err(CallError::Full);
    };
    loop {
        let failure = match attempt::<S>(upstream, context, id, number, deadline).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        let retry = &upstream.retry;
        if !failure.transient || number >= retry.attempts_max || !upstream.budget.permits() {
            return Err(failure.error);
        }
        let pause = pause(retry.backoff_ms, number);
        let useful = Duration::from_millis(retry.useful_ms);
        if deadline.is_some_and(|deadline| Instant::now() + pause + useful > deadline) {
            return Err(failure.error);
        }
        upstream.metrics.retries.inc();
        sleep(pause).await;
        number += 1;
    }
}

/// All attempts of a call share one deadline, and it never lies beyond the request's.
fn deadline(upstream: &Upstream, context: &Context) -> Option<Instant> {
    if upstream.defects.no_call_timeout {
        // Defect: the call waits for as long as it takes.
        return None;
    }
    if upstream.defects.detached_deadline {
        // Defect: a timeout that somebody once wrote down, whatever the request has left.
        return Some(Instant::now() + Duration::from_millis(500));
    }
    Some(context.deadline.min(Instant::now() + upstream.call_timeout))
}

/// Full jitter: uniform between nothing and a bound that doubles.
fn pause(backoff_ms: u64, failed: u32) -> Duration {
    let bound = backoff_ms.saturating_mul(1000).saturating_mul(1 << (failed - 1).min(16));
    Duration::from_micros(rand::rng().random_range(0..=bound))
}

struct Failure {
    error: CallError,
    /// Might the next attempt fare better?
    transient: bool,
}

async fn attempt<S: Section>(
    upstream: &Upstream,
    context: &Context,
    id: u64,
    number: u32,
    deadline: Option<Instant>,
) -> Result<S::Reply, Failure> {
    let attempt = Attempt::begin(upstream, context, number);
    let Some(admission) = upstream.breaker.admit(attempt.begun) else {
        attempt.reject();
        return Err(Failure { error: CallError::BreakerOpen, transient: false });
    };
    let mut request = Request::new(S::request(id));
    if let Some(traceparent) = context.trace.for_call() {
        request.metadata_mut().insert(TRACEPARENT, traceparent);
    }
    let answer = match deadline {
        Some(deadline) => {
            request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            timeout_at(deadline, S::call(upstream.channel(), request)).await
        }
        None => Ok(S::call(upstream.channel(), request).await),
    };
    let status = match answer {
        Ok(Ok(reply)) => {
            admission.succeeded(Instant::now());
            upstream.budget.succeeded();
            attempt.end(CallOutcome::Ok);
            return Ok(reply);
        }
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded("no answer in time"),
    };
    let (failure, outcome) = judge(&status);
    if failure.error == CallError::NotFound {
        admission.succeeded(Instant::now());
    } else {
        tracing::debug!(dependency = upstream.kind.name(), number, %status, "the call failed");
        admission.failed(Instant::now());
        upstream.budget.failed();
    }
    attempt.end(outcome);
    Err(failure)
}

/// All calls are reads, so an attempt that never reached the dependency or broke on the way may be
/// made again. One that it refused for good reason, or that used up the deadline, may not.
fn judge(status: &Status) -> (Failure, CallOutcome) {
    // An error of the transport has a source; a status that the peer sent has none.
    let source = status.source();
    let (error, transient, outcome) = match status.code() {
        Code::NotFound => (CallError::NotFound, false, CallOutcome::Ok),
        // A connection that dies with calls not yet sent cancels them. Otherwise it is a timer
        // that ran out before ours did: the peer's, or tonic's.
        Code::Cancelled if source.is_some_and(|source| !is_timeout(source)) => {
            (CallError::Failed, true, CallOutcome::Error)
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            (CallError::Timeout, false, CallOutcome::Timeout)
        }
        Code::Unavailable | Code::Aborted => (CallError::Failed, true, CallOutcome::Error),
        _ => (CallError::Failed, source.is_some(), CallOutcome::Error),
    };
    (Failure { error, transient }, outcome)
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    error.is::<TimeoutExpired>() || error.source().is_some_and(is_timeout)
}

/// An attempt as an observer sees it: a span and its metrics, closed when this is dropped.
struct Attempt<'a> {
    span: Span,
    metrics: &'a CallMetrics,
    begun: Instant,
    /// Stays as it is when the attempt is dropped unfinished.
    outcome: CallOutcome,
}

impl<'a> Attempt<'a> {
    fn begin(upstream: &'a Upstream, context: &Context, number: u32) -> Self {
        let request = context.span.upgrade();
        let span = tracing::info_span!(
            parent: request.as_deref().and_then(Span::id),
            "call",
            dependency = upstream.kind.name(),
            attempt = number,
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

    fn end(mut self, outcome: CallOutcome) {
        self.outcome = outcome;
    }

    fn reject(self) {
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
