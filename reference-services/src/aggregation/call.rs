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
    config::{Config, RetryConfig},
    defect::Defect,
    metrics::{CallMetrics, CallOutcome},
    section::Section,
    upstream::Upstream,
};
use crate::server::{PUSHBACK, TRACEPARENT, Trace};

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
    if defects.has(Defect::UncancelledCalls) || defects.has(Defect::DetachedDeadline) {
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
    let Some(place) = upstream.enter() else {
        Attempt::begin(upstream, context, 1).reject();
        return Err(CallError::Full);
    };
    let answer = attempt_all::<S>(upstream, context, id).await;
    if answer.is_err() && upstream.defects.has(Defect::LeakedPlace) {
        // Defect: the way out after an error does not give the place back.
        std::mem::forget(place);
    }
    answer
}

async fn attempt_all<S: Section>(
    upstream: &Upstream,
    context: &Context,
    id: u64,
) -> Result<S::Reply, CallError> {
    let config = upstream.config.get();
    let deadline = deadline(upstream, &config, context);
    let mut number = 1;
    loop {
        let failure = match attempt::<S>(upstream, context, id, number, deadline).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        let retry = &config.retry;
        // Defect: nobody asks whether retries still help.
        let permitted = upstream.budget.permits() || upstream.defects.has(Defect::NoRetryBudget);
        if !failure.transient || number >= retry.attempts_max || !permitted {
            return Err(failure.error);
        }
        let pause = pause(upstream, retry, number, failure.not_before);
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
fn deadline(upstream: &Upstream, config: &Config, context: &Context) -> Option<Instant> {
    if upstream.defects.has(Defect::NoCallTimeout) {
        // Defect: the call waits for as long as it takes.
        return None;
    }
    if upstream.defects.has(Defect::DetachedDeadline) {
        // Defect: a timeout that somebody once wrote down, whatever the request has left.
        return Some(Instant::now() + Duration::from_millis(500));
    }
    Some(context.deadline.min(Instant::now() + config.call_timeout()))
}

/// Full jitter: uniform between nothing and a bound that doubles. It begins when the dependency
/// wants to be asked again, so that those that it sent away do not all come back at one instant.
fn pause(upstream: &Upstream, retry: &RetryConfig, failed: u32, not_before: Duration) -> Duration {
    let defects = upstream.defects;
    let bound = retry.backoff_ms.saturating_mul(1000);
    let bound = bound.saturating_mul(1 << (failed - 1).min(16));
    let jitter = match () {
        // Defect: a loop around the call.
        () if defects.has(Defect::RetriesAtOnce) => 0,
        // Defect: a backoff as in the first textbook.
        () if defects.has(Defect::RetriesInStep) => bound,
        () => rand::rng().random_range(0..=bound),
    };
    // Defect: the trailer is not read.
    let not_before = not_before * u32::from(!defects.has(Defect::IgnoresPushback));
    not_before + Duration::from_micros(jitter)
}

struct Failure {
    error: CallError,
    /// Might the next attempt fare better?
    transient: bool,
    /// Did the dependency answer, if only to say no? Then it is well, and the caller is not.
    refused: bool,
    /// How long the dependency wants to be left alone.
    not_before: Duration,
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
        return Err(Failure::fatal(CallError::BreakerOpen));
    };
    let admission = if upstream.defects.has(Defect::BreakerWedges) {
        // Defect: a call that is dropped unfinished is not accounted for.
        admission.unguarded()
    } else {
        admission
    };
    let mut request = Request::new(S::request(id));
    if let Some(traceparent) = context.trace.for_call(&attempt.span) {
        request.metadata_mut().insert(TRACEPARENT, traceparent);
    }
    let answer = match deadline {
        Some(deadline) => {
            if !upstream.defects.has(Defect::NoDeadlineSent) {
                request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            }
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
    // Defect: whatever is not OK is a failure.
    let counts = !failure.refused || upstream.defects.has(Defect::BreakerCountsRefusals);
    if !counts {
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
/// made again. One that it refused for good reason, or that used up the deadline, may not. One that
/// it put off may, once the time has come that it named.
fn judge(status: &Status) -> (Failure, CallOutcome) {
    // An error of the transport has a source; a status that the peer sent has none.
    let source = status.source();
    let (failure, outcome) = match status.code() {
        Code::NotFound => (Failure::refusal(CallError::NotFound), CallOutcome::Ok),
        // What is wrong with these is the call, and every dependency that is well says so.
        Code::InvalidArgument
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange => (Failure::refusal(CallError::Failed), CallOutcome::Error),
        // A connection that dies with calls not yet sent cancels them. Otherwise it is a timer
        // that ran out before ours did: the peer's, or tonic's.
        Code::Cancelled if source.is_some_and(|source| !is_timeout(source)) => {
            (Failure::transient(), CallOutcome::Error)
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            (Failure::fatal(CallError::Timeout), CallOutcome::Timeout)
        }
        Code::Unavailable | Code::Aborted => (Failure::transient(), CallOutcome::Error),
        _ if source.is_some() => (Failure::transient(), CallOutcome::Error),
        _ => (Failure::fatal(CallError::Failed), CallOutcome::Error),
    };
    (failure.pushed_back(status), outcome)
}

impl Failure {
    fn fatal(error: CallError) -> Self {
        Self { error, transient: false, refused: false, not_before: Duration::ZERO }
    }

    fn transient() -> Self {
        Self { transient: true, ..Self::fatal(CallError::Failed) }
    }

    fn refusal(error: CallError) -> Self {
        Self { refused: true, ..Self::fatal(error) }
    }

    /// Heeds what the dependency said of retries (gRFC A6): a number of milliseconds after which
    /// to come again, or anything else for not to.
    fn pushed_back(self, status: &Status) -> Self {
        let Some(pushback) = status.metadata().get(PUSHBACK) else { return self };
        let wait = pushback.to_str().ok().and_then(|text| text.parse::<u32>().ok());
        match wait {
            Some(ms) if self.transient || status.code() == Code::ResourceExhausted => {
                Self { transient: true, not_before: Duration::from_millis(ms.into()), ..self }
            }
            _ => Self { transient: false, ..self },
        }
    }
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

#[cfg(test)]
mod tests;
