//! Calls to the next one: each within the deadline of its request, which is passed on, and tried again
//! only while the budget permits it.
//!
//! A chain multiplies: with three tries at each of two layers the last one gets nine calls for a
//! request, just when it can answer none. A deadline alone does not end that, since all of the tries
//! fit into it; a budget does, because it is spent by failures and earned by answers only.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::Full;
use rand::Rng;
use tokio::time::{Instant, sleep, timeout};
use tracing::{Instrument, field::Empty};

use super::{
    config::Config,
    defect::Defect,
    metrics::{Metrics, Outcome},
};
use crate::{
    budget::RetryBudget,
    client::{Client, Tuning},
    server::{TRACEPARENT, Trace},
};

/// A longer answer is no answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Says how long an answer is of use, in milliseconds from when it was sent. As a duration, since
/// clocks differ.
const TIMEOUT: &str = "x-request-timeout-ms";

/// What a request knows of itself, wherever in the chain it is.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// The one that it began with.
    pub(super) config: Arc<Config>,
    pub(super) deadline: Instant,
    pub(super) trace: Trace,
}

impl Context {
    /// A request has as long as is configured, or what whoever asks leaves it.
    pub(super) fn of(headers: &HeaderMap, config: Arc<Config>) -> Self {
        let longest = Duration::from_millis(config.request_timeout_ms);
        let left = headers.get(TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
        let left = left.map_or(longest, |ms| longest.min(Duration::from_millis(ms)));
        Self { deadline: Instant::now() + left, trace: Trace::of(headers), config }
    }

    /// The time that is left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The next one has no room.
    Shed,
    /// It did not answer in time.
    Timeout,
    /// It failed, or could not be reached.
    Failed,
    /// It does not want such a request.
    Refused(StatusCode),
}

impl CallError {
    fn outcome(self) -> Outcome {
        match self {
            Self::Shed => Outcome::Shed,
            Self::Timeout => Outcome::Timeout,
            Self::Failed | Self::Refused(_) => Outcome::Failed,
        }
    }

    /// Might another try fare better, within the time that a request has? Whoever is shed is told
    /// to come back in a second or more.
    fn is_transient(self) -> bool {
        matches!(self, Self::Timeout | Self::Failed)
    }
}

/// The next one as this one knows it.
#[derive(Debug)]
pub(super) struct Next {
    client: Client,
    uri: Uri,
    host: String,
    budget: RetryBudget,
    /// Defect: tries are not paid for.
    unlimited: bool,
}

impl Next {
    pub(super) fn new(config: &Config, uri: Uri) -> Self {
        let client = Client::new(
            Tuning {
                idle_max: config.calls_max,
                idle: Duration::from_secs(10),
                connect: Duration::from_millis(config.try_timeout_ms),
                answer_bytes_max: ANSWER_BYTES_MAX,
            },
            None,
        );
        Self {
            client,
            host: uri.host().unwrap_or_default().to_owned(),
            uri,
            budget: RetryBudget::new(config.retry.tokens_max, config.retry.token_ratio),
            unlimited: config.has(Defect::RetriesMultiply),
        }
    }

    /// Asks for its part of the work.
    pub(super) async fn ask(
        &self,
        path: &PathAndQuery,
        context: &Context,
        metrics: &Metrics,
    ) -> Result<Bytes, CallError> {
        let (retry, useful) = (&context.config.retry, context.config.useful());
        let mut attempt = 1;
        loop {
            if context.left() < useful {
                return Err(CallError::Timeout);
            }
            let error = match self.try_once(path, context, attempt, metrics).await {
                Ok(answer) => {
                    self.budget.succeeded();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if error.is_transient() {
                self.budget.failed();
            }
            // Defect: what each layer does is little, and nobody multiplies.
            let permitted = self.budget.permits() || self.unlimited;
            if !error.is_transient() || attempt >= retry.attempts_max || !permitted {
                return Err(error);
            }
            let pause = pause(retry.backoff_ms, attempt);
            if context.left() < pause + useful {
                return Err(error);
            }
            metrics.retries.inc();
            sleep(pause).await;
            attempt += 1;
        }
    }

    async fn try_once(
        &self,
        path: &PathAndQuery,
        context: &Context,
        attempt: u32,
        metrics: &Metrics,
    ) -> Result<Bytes, CallError> {
        let span = tracing::info_span!("call", dependency = self.host, attempt, outcome = Empty);
        let mut observed = Observed { span: span.clone(), metrics, outcome: Outcome::Cancelled };
        let longest = context.left().min(Duration::from_millis(context.config.try_timeout_ms));
        let called = timeout(longest, self.send(path, context, longest)).instrument(span).await;
        let called = called.unwrap_or(Err(CallError::Timeout));
        observed.outcome = called.as_ref().err().map_or(Outcome::Ok, |error| error.outcome());
        called
    }

    async fn send(
        &self,
        path: &PathAndQuery,
        context: &Context,
        longest: Duration,
    ) -> Result<Bytes, CallError> {
        let request = self.request(path, context, longest).map_err(|error| {
            tracing::warn!(%error, "a request that cannot be sent");
            CallError::Failed
        })?;
        let answer = self.client.send(request).await.map_err(|error| {
            tracing::debug!(%error, "the call failed");
            CallError::Failed
        })?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            StatusCode::GATEWAY_TIMEOUT => Err(CallError::Timeout),
            _ if answer.headers().contains_key(header::RETRY_AFTER) => Err(CallError::Shed),
            status if status.is_client_error() => Err(CallError::Refused(status)),
            _ => Err(CallError::Failed),
        }
    }

    fn request(
        &self,
        path: &PathAndQuery,
        context: &Context,
        longest: Duration,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(path.clone());
        let left = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        let mut request =
            Request::get(Uri::from_parts(parts)?).header(TIMEOUT, HeaderValue::from(left));
        if let Some(traceparent) = context.trace.for_request(&tracing::Span::current()) {
            request = request.header(TRACEPARENT, traceparent);
        }
        request.body(Full::default())
    }
}

/// Full jitter: uniform between nothing and a bound that doubles.
fn pause(backoff_ms: u64, failed: u32) -> Duration {
    let bound = backoff_ms.saturating_mul(1000 << (failed - 1).min(16));
    Duration::from_micros(rand::rng().random_range(0..=bound))
}

/// A try as an observer sees it, up to its answer or until it is given up.
struct Observed<'a> {
    span: tracing::Span,
    metrics: &'a Metrics,
    outcome: Outcome,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.name());
        self.metrics.count_call(self.outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expected_ms: u64) {
        let value = HeaderValue::from_str(header).expect("a header");
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(TIMEOUT), value)]);
        let context = Context::of(&headers, Arc::new(Config::default()));
        let left = context.left();
        let expected = Duration::from_millis(expected_ms);
        assert!(
            left <= expected && left + Duration::from_millis(50) >= expected,
            "{header}: {left:?}"
        );
    }

    #[test]
    fn a_request_has_what_is_left_of_it_and_no_more_than_there_is() {
        check("300", 300);
        check("0", 0);
        check("5000", 900);
        check("-1", 900);
        check("soon", 900);
        check("99999999999999999999999", 900);
    }

    #[test]
    fn who_is_shed_does_not_come_again_within_a_request() {
        let tried = [CallError::Timeout, CallError::Failed];
        assert!(tried.into_iter().all(CallError::is_transient));
        let not = [CallError::Shed, CallError::Refused(StatusCode::NOT_FOUND)];
        assert!(!not.into_iter().any(CallError::is_transient));
    }
}
