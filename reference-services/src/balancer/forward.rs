//! A request on its way to an endpoint, and if need be to another one.

use std::{
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Empty, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::{
    Config,
    admission::Admission,
    answer::{AnswerBody, Held, Passed},
    body::{RequestBody, Stalled, Turn, Uploaded, Watched},
    defect::Defects,
    endpoint::{Endpoint, Sender},
    groups::Groups,
    headers,
    metrics::{Metrics, Outcome},
};
use crate::{
    budget::RetryBudget,
    config::Live,
    server::{Problem, host},
    tls,
};

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) config: Live<Config>,
    pub(super) groups: Groups,
    pub(super) metrics: Arc<Metrics>,
    pub(super) defects: Defects,
    admission: Admission,
    uploads: Arc<Semaphore>,
    budget: RetryBudget,
    /// How this instance signs what passes through it.
    via: HeaderValue,
    stopping: AtomicBool,
}

/// Why an endpoint gave no answer.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("no connection: {0}")]
    Unreachable(#[source] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[source] hyper::Error),
    #[error("no answer in time")]
    Late,
}

/// An attempt without an answer.
struct Missed {
    why: Why,
    /// The request, if nothing of it was sent.
    request: Option<Request<RequestBody>>,
    /// The connection had been idle, and may have been closed just then.
    was_idle: bool,
}

impl Missed {
    fn boxed(why: Why, request: Option<Request<RequestBody>>, was_idle: bool) -> Box<Self> {
        Box::new(Self { why, request, was_idle })
    }
}

impl Proxy {
    pub(super) fn new(live: Live<Config>, listener: Option<&tls::Metrics>) -> Self {
        let config = live.get();
        let mut metrics = Metrics::new();
        live.register(&mut metrics.registry);
        tls::register(&mut metrics.registry, [("http", listener)]);
        let metrics = Arc::new(metrics);
        let (tokens_max, ratio) = (config.retry.tokens_max, config.retry.token_ratio);
        Self {
            groups: Groups::new(&config, Arc::clone(&metrics)),
            defects: Defects::from(&config.defects),
            admission: Admission::new(&config),
            uploads: Arc::new(Semaphore::new(config.uploads_max.min(Semaphore::MAX_PERMITS))),
            budget: RetryBudget::new(tokens_max, ratio),
            via: headers::via(),
            stopping: AtomicBool::new(false),
            metrics,
            config: live,
        }
    }

    /// From now on the service is not ready.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Answers one request of the client at `peer`.
    pub(super) async fn handle(
        &self,
        request: Request<Incoming>,
        peer: &HeaderValue,
    ) -> Response<AnswerBody> {
        let mut observed = Observed { metrics: &self.metrics, outcome: Outcome::Cancelled };
        self.metrics.in_flight.inc();
        match self.answer(request, peer).await {
            Ok(answer) => {
                observed.outcome = Outcome::Passed;
                answer
            }
            Err((outcome, problem)) => {
                observed.outcome = outcome;
                problem.response().map(Either::Left)
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: &HeaderValue,
    ) -> Result<Response<AnswerBody>, (Outcome, Problem)> {
        host::check(&request).map_err(|it| (Outcome::ClientError, it))?;
        if request.method() == Method::CONNECT {
            let detail = "this is no tunnel";
            return Err((
                Outcome::ClientError,
                Problem::unread(StatusCode::NOT_IMPLEMENTED, detail),
            ));
        }
        let bytes_max = self.config.get().http.body_bytes_max as u64;
        if request.body().size_hint().lower() > bytes_max {
            let problem = Problem::unread(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            return Err((Outcome::ClientError, problem));
        }
        let Some(place) = self.admission.enter().await else {
            let problem =
                Problem::shed("too many requests at once", self.config.get().retry_after_s);
            return Err((Outcome::Shed, problem));
        };
        if let Some(cost) = self.config.get().cpu() {
            squall_os::cpu::spend(cost).await;
        }
        let request = self.outgoing(request, peer)?;
        self.forward(request, place).await
    }

    /// The client's request as an endpoint gets it.
    fn outgoing(
        &self,
        request: Request<Incoming>,
        peer: &HeaderValue,
    ) -> Result<Request<RequestBody>, (Outcome, Problem)> {
        let (mut parts, body) = request.into_parts();
        let passed = headers::of_request(&mut parts, peer, &self.via);
        passed.map_err(|problem| (Outcome::ClientError, problem))?;
        let body = if body.is_end_stream() {
            Either::Left(Empty::new())
        } else {
            let Ok(place) = Arc::clone(&self.uploads).try_acquire_owned() else {
                let detail = "too many uploads at once";
                return Err((
                    Outcome::Shed,
                    Problem::unread_shed(detail, self.config.get().retry_after_s),
                ));
            };
            let stalled = Duration::from_millis(self.config.get().stall_timeout_ms);
            let late = Duration::from_millis(self.config.get().upload_timeout_ms);
            let body =
                Limited::new(Watched::new(body, stalled), self.config.get().http.body_bytes_max);
            Either::Right(Uploaded::new(body, Turn::new(), late, place))
        };
        Ok(Request::from_parts(parts, body))
    }

    /// Sends a request to endpoint after endpoint, as often as it may be sent.
    async fn forward(
        &self,
        mut request: Request<RequestBody>,
        place: OwnedSemaphorePermit,
    ) -> Result<Response<AnswerBody>, (Outcome, Problem)> {
        let mut place = Some(place);
        let mut tried = Vec::new();
        let mut attempt = 1;
        loop {
            let Some(endpoint) = self.groups.pick(&tried) else {
                let detail = "there is no endpoint";
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
                return Err((Outcome::Failed, problem));
            };
            let copy = self.repeatable(&request);
            let may_retry = attempt < self.config.get().retry.attempts_max;
            match self.attempt(&endpoint, request, &mut place).await {
                Ok(answer) => {
                    let again = self.is_worth_retrying(answer.status());
                    match copy.filter(|_| again && may_retry && self.budget.permits()) {
                        None => return Ok(answer),
                        Some(copy) => {
                            // The place goes with the request.
                            place = place_of(answer);
                            request = copy;
                        }
                    }
                }
                Err(missed) => match missed.request.or(copy) {
                    Some(next) if may_retry && self.budget.permits() => {
                        tracing::debug!(endpoint = endpoint.address, why = %missed.why, "no answer");
                        request = next;
                    }
                    _ => return Err(problem(&missed.why)),
                },
            }
            self.metrics.retries.inc();
            attempt += 1;
            tried.push(endpoint);
        }
    }

    fn is_worth_retrying(&self, status: StatusCode) -> bool {
        match status {
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => true,
            StatusCode::INTERNAL_SERVER_ERROR => self.config.get().retry.on_500,
            _ => false,
        }
    }

    /// Sends a request to one endpoint. `place` goes into the answer.
    async fn attempt(
        &self,
        endpoint: &Arc<Endpoint>,
        request: Request<RequestBody>,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Response<AnswerBody>, Box<Missed>> {
        let in_flight = endpoint.enter();
        endpoint.metrics.requests.inc();
        let begun = Instant::now();
        let turn = match request.body() {
            Either::Left(_) => Turn::new(),
            Either::Right(body) => body.turn().clone(),
        };
        turn.begin();
        let sent = tokio::select! {
            biased;
            sent = self.send(endpoint, request) => sent,
            () = self.too_late(&turn) => Err(Missed::boxed(Why::Late, None, false)),
        };
        endpoint.metrics.latency.observe(begun.elapsed().as_secs_f64());
        let (answer, sender) = match sent {
            Ok(answered) => answered,
            Err(missed) => {
                if !is_of_client(&missed.why) {
                    self.groups.failed(endpoint);
                    self.budget.failed();
                }
                if self.defects.leaks_in_flight {
                    // Defect: only an answer ends a request.
                    std::mem::forget(in_flight);
                }
                return Err(missed);
            }
        };
        if answer.status().is_server_error() {
            self.groups.failed(endpoint);
            self.budget.failed();
        } else {
            self.groups.succeeded(endpoint);
            self.budget.succeeded();
        }
        let (mut parts, body) = answer.into_parts();
        headers::of_answer(&mut parts.headers, &self.via);
        let longest = Duration::from_millis(self.config.get().stall_timeout_ms);
        let held = Held { sender, in_flight, place: place.take().map(Arc::new) };
        Ok(Response::from_parts(parts, Either::Right(Passed::new(body, longest, held))))
    }

    /// Completes when the endpoint has been waited for for too long.
    async fn too_late(&self, turn: &Turn) {
        let longest = Duration::from_millis(self.config.get().per_try_timeout_ms);
        loop {
            // While it is the client's turn, there is nothing to wait for.
            let since = turn.since().unwrap_or_else(Instant::now);
            sleep_until(since + longest).await;
            if turn.since().is_some_and(|since| since.elapsed() >= longest) {
                return;
            }
        }
    }

    /// Sends on an idle connection. If that was closed just then, on a new one: this happens to
    /// every connection that is kept, and says nothing about the endpoint.
    async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Sender), Box<Missed>> {
        let mut request = request;
        // Only a client that speaks HTTP/1.0 need not name a host.
        if !request.headers().contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(&endpoint.address)
        {
            request.headers_mut().insert(header::HOST, host);
        }
        if let Some(sender) = endpoint.take_idle() {
            let copy = self.repeatable(&request);
            match send_on(sender, request, true).await {
                Err(mut missed) if missed.was_idle => match missed.request.take().or(copy) {
                    Some(again) => request = again,
                    None => return Err(missed),
                },
                sent => return sent,
            }
        }
        let within = Duration::from_millis(self.config.get().connect_timeout_ms);
        match endpoint.connect(within).await {
            Ok(sender) => send_on(sender, request, false).await,
            Err(error) => Err(Missed::boxed(Why::Unreachable(error), Some(request), false)),
        }
    }

    /// A copy of a request that may be sent twice: it changes nothing, and its body is empty.
    fn repeatable(&self, request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
        let safe = matches!(*request.method(), Method::GET | Method::HEAD);
        let Either::Left(empty) = request.body() else { return None };
        // Defect: no body is enough.
        (safe || self.defects.retries_unsafe).then(|| {
            let mut copy = Request::new(Either::Left(*empty));
            *copy.method_mut() = request.method().clone();
            *copy.uri_mut() = request.uri().clone();
            *copy.headers_mut() = request.headers().clone();
            copy
        })
    }
}

async fn send_on(
    mut sender: Sender,
    request: Request<RequestBody>,
    was_idle: bool,
) -> Result<(Response<Incoming>, Sender), Box<Missed>> {
    match sender.send(request).await {
        Ok(answer) => Ok((answer, sender)),
        Err(mut error) => {
            let request = error.take_message();
            Err(Missed::boxed(Why::Broken(error.into_error()), request, was_idle))
        }
    }
}

/// What the client is told when no endpoint answered.
fn problem(why: &Why) -> (Outcome, Problem) {
    let failed = |status, detail| (Outcome::Failed, Problem::unread(status, detail));
    match why {
        Why::Broken(error) if has_cause::<LengthLimitError>(error) => (
            Outcome::ClientError,
            Problem::unread(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
        ),
        Why::Broken(error) if has_cause::<Stalled>(error) => (
            Outcome::ClientError,
            Problem::unread(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        ),
        Why::Broken(error) if error.is_user() => {
            (Outcome::ClientError, Problem::unread(StatusCode::BAD_REQUEST, "the body broke off"))
        }
        Why::Late => failed(StatusCode::GATEWAY_TIMEOUT, "the endpoint did not answer in time"),
        Why::Unreachable(_) => failed(StatusCode::BAD_GATEWAY, "the endpoint cannot be reached"),
        Why::Broken(_) => failed(StatusCode::BAD_GATEWAY, "the endpoint broke off"),
    }
}

/// Was it the body of the client's request that went wrong?
fn is_of_client(why: &Why) -> bool {
    matches!(why, Why::Broken(error) if error.is_user())
}

fn has_cause<E: Error + 'static>(error: &dyn Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The place that an answer holds which nobody gets.
fn place_of(answer: Response<AnswerBody>) -> Option<OwnedSemaphorePermit> {
    match answer.into_body() {
        Either::Right(passed) => passed.into_place(),
        Either::Left(_) => None,
    }
}

/// A request as an observer sees it, up to the head of its answer or until its client went away.
struct Observed<'a> {
    metrics: &'a Metrics,
    outcome: Outcome,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.count(self.outcome);
    }
}
