//! Two attempts of one call, the second at another endpoint while the first is still under way. The
//! first answer counts, and the other attempt is dropped, which resets its stream: the dependency
//! learns that nobody waits any more.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep};

use super::{
    attempt::{Call, attempt},
    defect::Defect,
    endpoint::Endpoint,
    failure::{CallError, Failure},
    hedge::Hedging,
    section::Section,
    upstream::Place,
};

/// One attempt, and a hedge if it takes long and that is permitted. The endpoints go to `tried`.
pub(super) async fn attempt_or_hedge<S: Section>(
    call: Call<'_>,
    tried: &mut Vec<Arc<Endpoint>>,
) -> Result<S::Reply, Failure> {
    let upstream = call.upstream;
    let endpoint = upstream.endpoints.pick(tried, Instant::now());
    tried.push(Arc::clone(&endpoint));
    let number = u32::try_from(tried.len()).unwrap_or(u32::MAX);
    // A retry comes late anyway, and a call that may be made once only is made once.
    let may_hedge = number == 1 && call.config.retry.attempts_max > 1;
    let hedging = upstream.hedging.as_ref().filter(|_| may_hedge);
    match hedging.and_then(|hedging| Some((hedging, hedging.begin()?))) {
        // In a box, since three attempts are much larger than one, and few calls are hedged.
        Some((hedging, delay)) => Box::pin(race::<S>(call, hedging, delay, endpoint, tried)).await,
        None => attempt::<S>(call, number, &endpoint, false).await,
    }
}

/// The first attempt, at `endpoint`, and another one elsewhere after `delay`.
async fn race<S: Section>(
    call: Call<'_>,
    hedging: &Hedging,
    delay: Duration,
    endpoint: Arc<Endpoint>,
    tried: &mut Vec<Arc<Endpoint>>,
) -> Result<S::Reply, Failure> {
    let begun = Instant::now();
    let metrics = &call.upstream.metrics.hedges;
    let mut first = pin!(part::<S>(call, 1, endpoint));
    tokio::select! {
        biased;
        answer = &mut first => return answer,
        () = sleep(delay) => {}
    }
    let Some((endpoint, _place)) = permitted(call, hedging, tried) else {
        metrics.not_permitted.inc();
        return first.await;
    };
    metrics.sent.inc();
    tried.push(Arc::clone(&endpoint));
    let hedge = pin!(part::<S>(call, 2, endpoint));
    let (answer, hedge_won, other) = match select(first, hedge).await {
        Either::Left((answer, other)) => (answer, false, other),
        Either::Right((answer, other)) => (answer, true, other),
    };
    let (answer, hedge_won) = match answer {
        // Whatever the other one says may be better.
        Err(failure) if failure.transient => (other.await, !hedge_won),
        answer => (answer, hedge_won),
    };
    if hedge_won && answer.is_ok() {
        metrics.won.inc();
        // So long at least.
        hedging.took(begun.elapsed());
    }
    answer
}

/// Where a hedge goes now, and its place in the bulkhead; nothing if there is to be none.
fn permitted<'a>(
    call: Call<'a>,
    hedging: &Hedging,
    tried: &[Arc<Endpoint>],
) -> Option<(Arc<Endpoint>, Place<'a>)> {
    let (upstream, now) = (call.upstream, Instant::now());
    if !call.is_useful_at(now) || !upstream.breaker.is_closed() || !upstream.budget.permits() {
        return None;
    }
    let endpoint = upstream.endpoints.another(tried, now)?;
    let place = upstream.enter()?;
    // Defect: nobody counts them.
    let unlimited = upstream.defects.has(Defect::HedgeWithoutBudget);
    (hedging.permits(now) || unlimited).then_some((endpoint, place))
}

/// One of the two attempts, which is cancelled when this is dropped.
async fn part<S: Section>(
    call: Call<'_>,
    number: u32,
    endpoint: Arc<Endpoint>,
) -> Result<S::Reply, Failure> {
    if call.upstream.defects.has(Defect::HedgeWithoutCancel) {
        let (upstream, config) = (Arc::clone(call.upstream), Arc::clone(call.config));
        let context = call.context.clone();
        let Call { id, deadline, .. } = call;
        // Defect: nobody aborts this task when the other attempt has answered.
        let task = tokio::spawn(async move {
            let call =
                Call { upstream: &upstream, config: &config, context: &context, id, deadline };
            attempt::<S>(call, number, &endpoint, number > 1).await
        });
        return task.await.unwrap_or(Err(Failure::fatal(CallError::Failed)));
    }
    attempt::<S>(call, number, &endpoint, number > 1).await
}
