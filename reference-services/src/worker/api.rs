//! The external API as a worker knows it: one tuned client that all calls share.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{sync::Semaphore, time::timeout};
use tracing::{Instrument, field::Empty};

use super::{Config, Defect, queue::Job};
use crate::{
    client::{Client, Tuning},
    config::Live,
    lease::mark,
    server::{TRACEPARENT, Trace},
    tls::Trust,
};

/// A longer result is no result.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum CallError {
    /// Too many calls: not the job's fault. The API may have said how long to wait.
    Limited(Option<Duration>),
    /// The API will not have this job.
    Refused(String),
    /// The API does not answer, or says itself that it cannot: this may be the job's fault or not.
    Failed(String),
}

/// Calls the external API.
#[derive(Debug)]
pub(super) struct ExternalApi {
    client: Client,
    uri: Uri,
    config: Live<Config>,
    /// How many connections there may be, if that is fewer than workers.
    connections: Option<Semaphore>,
    /// Does a call say which one it is, however often it is made?
    keyed: bool,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    payload: &'a RawValue,
}

impl ExternalApi {
    pub(super) fn new(live: Live<Config>, base: &Uri, trust: Option<&Trust>) -> Self {
        let config = live.get();
        // As many connections as there are workers, all of them kept: none is made per call.
        let tuning = Tuning {
            idle_max: config.concurrency,
            idle: Duration::from_secs(10),
            connect: Duration::from_millis(config.call_timeout_ms),
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let client = Client::new(tuning, trust);
        // Defect: the two connections to a server that many clients have unless told otherwise.
        let connections = config.has(Defect::UntunedClient).then(|| Semaphore::new(2));
        let mut parts = base.clone().into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/v1/process"));
        // A checked base has a scheme and an authority.
        let uri = Uri::from_parts(parts).unwrap_or_else(|_| base.clone());
        // Defect: a call that is made again is another one.
        let keyed = !config.has(Defect::NoIdempotencyKey);
        Self { client, uri, config: live, connections, keyed }
    }

    /// Has a job processed.
    pub(super) async fn process(&self, job: &Job, trace: Trace) -> Result<Bytes, CallError> {
        let span = tracing::info_span!(
            "external call",
            job = job.lease.job,
            lease = mark(job.lease.token),
            retry_after_ms = Empty,
            outcome = Empty
        );
        let longest = Duration::from_millis(self.config.get().call_timeout_ms);
        let called = timeout(longest, self.call(job, trace)).instrument(span.clone()).await;
        let (outcome, called) = match called {
            Ok(Ok(result)) => ("ok", Ok(result)),
            Ok(Err(CallError::Limited(after))) => ("rejected", Err(CallError::Limited(after))),
            Ok(Err(failed)) => ("error", Err(failed)),
            Err(_) => ("timeout", Err(CallError::Failed("no answer in time".to_owned()))),
        };
        if let Err(CallError::Limited(Some(after))) = &called {
            span.record("retry_after_ms", u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        }
        span.record("outcome", outcome);
        called
    }

    async fn call(&self, job: &Job, trace: Trace) -> Result<Bytes, CallError> {
        let _connection = match &self.connections {
            // Nobody closes the semaphore.
            Some(connections) => connections.acquire().await.ok(),
            None => None,
        };
        let request = self.request(job, trace)?;
        let failed = |error: String| CallError::Failed(error);
        let answer = self.client.send(request).await.map_err(|error| failed(error.to_string()))?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            StatusCode::TOO_MANY_REQUESTS => {
                let after = answer.headers().get(header::RETRY_AFTER);
                let seconds = after.and_then(|after| after.to_str().ok()?.parse().ok());
                Err(CallError::Limited(seconds.map(Duration::from_secs)))
            }
            status => {
                let error = format!("the external API answered with status {status}");
                let refused = status.is_client_error();
                Err(if refused { CallError::Refused(error) } else { CallError::Failed(error) })
            }
        }
    }

    fn request(&self, job: &Job, trace: Trace) -> Result<Request<Full<Bytes>>, CallError> {
        let failed = |error: &dyn std::fmt::Display| CallError::Refused(error.to_string());
        let payload = serde_json::from_slice(&job.payload).map_err(|error| failed(&error))?;
        let call = Call { id: &job.lease.job, payload };
        let body = serde_json::to_vec(&call).map_err(|error| failed(&error))?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(header::CONTENT_TYPE, "application/json");
        if self.keyed {
            request = request.header("idempotency-key", &job.lease.job);
        }
        if let Some(traceparent) = trace.for_request(&tracing::Span::current()) {
            request = request.header(TRACEPARENT, traceparent);
        }
        request.body(Full::from(body)).map_err(|error| failed(&error))
    }
}
