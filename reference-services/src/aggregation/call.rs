//! One call to one dependency: bulkhead, then attempts, each past the breaker and before the
//! deadline.
//!
//! A call lives in the future of its request: when the client goes away hyper drops that future,
//! the call with it, and the stream to the dependency is reset.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use tokio::time::{Instant, sleep};

use super::{
    attempt::{Attempt, Call, Context},
    config::{Config, RetryConfig},
    defect::Defect,
    failure::CallError,
    hedged::attempt_or_hedge,
    section::Section,
    upstream::Upstream,
};

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
    upstream: &Arc<Upstream>,
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
    upstream: &Arc<Upstream>,
    context: &Context,
    id: u64,
) -> Result<S::Reply, CallError> {
    let config = &upstream.config.get();
    let call =
        Call { upstream, config, context, id, deadline: deadline(upstream, config, context) };
    let mut tried = Vec::new();
    loop {
        let failure = match attempt_or_hedge::<S>(call, &mut tried).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        let retry = &config.retry;
        let made = u32::try_from(tried.len()).unwrap_or(u32::MAX);
        // Defect: nobody asks whether retries still help.
        let permitted = upstream.budget.permits() || upstream.defects.has(Defect::NoRetryBudget);
        if !failure.transient || made >= retry.attempts_max || !permitted {
            return Err(failure.error);
        }
        let pause = pause(upstream, retry, made, failure.not_before);
        if !call.is_useful_at(Instant::now() + pause) {
            return Err(failure.error);
        }
        upstream.metrics.retries.inc();
        sleep(pause).await;
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
