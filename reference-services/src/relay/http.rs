//! `GET /work/{id}`: a piece of work here, and one of each that comes after; `GET /local`: one here
//! only. Both take room while they last, and no more of it than there is.
//!
//! Work that was begun is done to its end, whether or not somebody still waits for it: it is
//! computation, and has no place at which it could be given up. So what keeps an overloaded service
//! down is work for those who have gone. A place is kept until the work is done, which bounds it.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode, uri::PathAndQuery};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, time::timeout_at};
use tracing::{Instrument, Span, field::Empty};

use super::{
    Config, Defect,
    metrics::{Metrics, Outcome},
    next::{CallError, Context, Next},
};
use crate::{
    config::Live,
    server::{Body, Error, Handler, Probes, Problem, json},
};

/// Who has worked for a request, the first one first.
#[derive(Debug, Serialize, Deserialize)]
struct Worked {
    id: u64,
    by: Vec<String>,
}

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Relay {
    config: Live<Config>,
    next: Option<Next>,
    /// For all requests.
    room: Arc<Semaphore>,
    /// For those that go on to the next one.
    calls: Semaphore,
    pub(super) probes: Probes,
    metrics: Metrics,
}

impl Relay {
    pub(super) fn new(live: Live<Config>) -> Result<Self, Error> {
        let config = live.get();
        let next = config.next_uri()?.map(|uri| Next::new(&config, uri));
        let room = Arc::new(Semaphore::new(config.in_flight_max.min(Semaphore::MAX_PERMITS)));
        // Defect: the room is the room.
        let shared = config.has(Defect::SharedRoom);
        let calls = if shared { Semaphore::MAX_PERMITS } else { config.calls_max };
        let calls = Semaphore::new(calls.min(Semaphore::MAX_PERMITS));
        let (metrics, mut registry) = Metrics::new();
        live.register(&mut registry);
        Ok(Self { config: live, next, room, calls, probes: Probes::new(registry), metrics })
    }

    /// Answers a request inside of its span.
    async fn observed(&self, request: &Request<Incoming>, id: u64, alone: bool) -> Response<Body> {
        let context = Context::of(request.headers(), self.config.get());
        let span = tracing::info_span!(
            parent: None, "hop", trace_id = %context.trace, outcome = Empty
        );
        context.trace.adopt(&span);
        self.metrics.in_flight.inc();
        let mut observed =
            Observed { span: span.clone(), metrics: &self.metrics, outcome: Outcome::Cancelled };
        let next = self.next.as_ref().filter(|_| !alone);
        let path = request.uri().path_and_query();
        let answered = self.answer(id, &context, next.zip(path)).instrument(span).await;
        let (outcome, response) = match answered {
            Ok(worked) => (Outcome::Ok, json(StatusCode::OK, &worked)),
            Err((outcome, problem)) => (outcome, problem.response()),
        };
        observed.outcome = outcome;
        response
    }

    async fn answer(
        &self,
        id: u64,
        context: &Context,
        next: Option<(&Next, &PathAndQuery)>,
    ) -> Result<Worked, (Outcome, Problem)> {
        let config = &context.config;
        let shed = |detail| (Outcome::Shed, Problem::shed(detail, config.retry_after_s));
        let late = |detail| (Outcome::Timeout, Problem::new(StatusCode::GATEWAY_TIMEOUT, detail));
        if context.left() < config.useful() {
            return Err(late("too little time is left"));
        }
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return Err(shed("too many requests at once"));
        };
        let _call = match next {
            Some(_) => match self.calls.try_acquire() {
                Ok(call) => Some(call),
                Err(_) => return Err(shed("too many requests wait for the next service")),
            },
            None => None,
        };
        let cost = Duration::from_micros(config.cpu_us);
        let work = tokio::spawn(async move {
            if !cost.is_zero() {
                squall_os::cpu::spend(cost).await;
            }
            place
        });
        // Kept until there is an answer.
        let _place = match timeout_at(context.deadline, work).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => {
                let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the work broke off");
                return Err((Outcome::Failed, problem));
            }
            Err(_) => return Err(late("the work was not done in time")),
        };
        let mut by = vec![config.name.clone()];
        if let Some((next, path)) = next {
            let failed = |detail| (Outcome::Failed, Problem::new(StatusCode::BAD_GATEWAY, detail));
            let answer = next.ask(path, context, &self.metrics).await;
            let answer = answer.map_err(|error| match error {
                CallError::Shed => shed("the next service has no room"),
                CallError::Timeout => late("the next service did not answer in time"),
                CallError::Failed => failed("the next service failed"),
                CallError::Refused(status) => {
                    (Outcome::Failed, Problem::new(status, "the next service refused"))
                }
            })?;
            let worked: Worked = serde_json::from_slice(&answer)
                .map_err(|_| failed("the answer of the next service cannot be read"))?;
            by.extend(worked.by);
        }
        Ok(Worked { id, by })
    }
}

impl Handler for Relay {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        let id = path.strip_prefix("/work/");
        if id.is_none() && path != "/local" {
            return self.probes.answer(&request);
        }
        if request.method() != Method::GET {
            return Problem::method_not_allowed("this resource takes GET", "GET").response();
        }
        match id.map(str::parse) {
            None => self.observed(&request, 0, true).await,
            Some(Ok(id)) => self.observed(&request, id, false).await,
            Some(Err(_)) => {
                let detail = "an id is a number from 0 to 18446744073709551615";
                Problem::new(StatusCode::BAD_REQUEST, detail).response()
            }
        }
    }
}

/// A request as an observer sees it, up to its answer or until its client went away.
struct Observed<'a> {
    span: Span,
    metrics: &'a Metrics,
    outcome: Outcome,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.name());
        self.metrics.in_flight.dec();
        self.metrics.count_request(self.outcome);
    }
}
