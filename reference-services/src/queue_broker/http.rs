//! The public interface: jobs in, and what became of those that failed.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::{Instrument, field::Empty};

use super::{
    Config, Defect,
    core::Refusal,
    handle::{Gone, Handle},
    metrics::Metrics,
    record::Job,
};
use crate::{
    config::Live,
    ids::is_id,
    server::{Body, Handler, Limits, Probes, Problem, Trace, json, read_json},
};

/// What a client sends.
#[derive(Deserialize)]
struct NewJob {
    id: String,
    payload: Box<RawValue>,
    #[serde(default)]
    key: Option<String>,
}

/// What it gets, the first time and ever after.
#[derive(Serialize)]
struct Accepted<'a> {
    id: &'a str,
    status: &'static str,
}

/// A dead letter in the list.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    attempts: usize,
    error: &'a str,
}

/// A dead letter with all that is known of it.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    attempts: usize,
    errors: &'a [String],
    payload: Option<&'a RawValue>,
}

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Api {
    config: Live<Config>,
    limits: Limits,
    handle: Arc<Handle>,
    metrics: Metrics,
    pub(super) probes: Probes,
}

impl Api {
    pub(super) fn new(
        config: Live<Config>,
        handle: Arc<Handle>,
        metrics: Metrics,
        probes: Probes,
    ) -> Self {
        let mut limits = config.get().http.clone();
        // Defect: nobody has set this bound.
        if config.get().defects.contains(&Defect::UnboundedBodies) {
            limits.body_bytes_max = usize::MAX;
        }
        Self { config, limits, handle, metrics, probes }
    }

    async fn post(&self, request: Request<Incoming>) -> Response<Body> {
        let trace = Trace::of(request.headers());
        let span = tracing::info_span!(
            parent: None, "submit", trace_id = %trace, job = Empty, outcome = Empty
        );
        trace.adopt(&span);
        let accepted = self.accept(request, trace, &span).instrument(span.clone()).await;
        span.record("outcome", if accepted.is_ok() { "ok" } else { "refused" });
        accepted.unwrap_or_else(Problem::response)
    }

    async fn accept(
        &self,
        request: Request<Incoming>,
        trace: Trace,
        span: &tracing::Span,
    ) -> Result<Response<Body>, Problem> {
        let Some(_place) = self.handle.enter() else {
            self.metrics.shed.inc();
            return Err(Problem::shed(
                "too many requests at once",
                self.config.get().retry_after_s,
            ));
        };
        let expected = "expected a JSON object with an id and a payload";
        let NewJob { id, payload, key } =
            read_json(request.into_body(), &self.limits, expected).await?;
        if !is_id(&id) {
            let detail = "expected an id of 1 to 128 letters, digits and ._:-";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        if key.as_deref().is_some_and(|key| !is_id(key)) {
            let detail = "expected a key of 1 to 128 letters, digits and ._:-";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        span.record("job", &*id);
        if let Some(cost) = self.config.get().cpu() {
            squall_os::cpu::spend(cost).await;
        }
        let payload = String::from(Box::<str>::from(payload)).into_bytes().into();
        let (traceparent, key) = (trace.within(span), key.unwrap_or_default());
        let job = Job { id: id.clone(), payload, traceparent, key, ..Job::default() };
        self.handle.accept(job).await.map_err(|refusal| self.problem(refusal))?;
        Ok(json(StatusCode::ACCEPTED, &Accepted { id: &id, status: "accepted" }))
    }

    fn problem(&self, refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Full => {
                self.metrics.shed.inc();
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "the queue is full");
                problem.retry_after(self.config.get().retry_after_s)
            }
            Refusal::Another => {
                let detail = "another job with this id was accepted before";
                Problem::new(StatusCode::CONFLICT, detail)
            }
            Refusal::Disk => {
                Problem::shed("the job could not be stored", self.config.get().retry_after_s)
            }
            Refusal::Unknown | Refusal::NoLease => {
                Problem::new(StatusCode::NOT_FOUND, "no such dead letter")
            }
        }
    }

    async fn stats(&self) -> Result<Response<Body>, Problem> {
        Ok(json(StatusCode::OK, &self.handle.stats().await?))
    }

    async fn dead_letters(&self) -> Result<Response<Body>, Problem> {
        #[derive(Serialize)]
        struct List<'a> {
            total: usize,
            dead_letters: Vec<Listed<'a>>,
        }
        let (total, jobs) = self.handle.dead_letters().await?;
        let dead_letters = jobs.iter().map(|job| Listed {
            id: &job.id,
            attempts: job.failures.len(),
            error: job.failures.last().map_or("", String::as_str),
        });
        Ok(json(StatusCode::OK, &List { total, dead_letters: dead_letters.collect() }))
    }

    async fn dead_letter(&self, id: &str) -> Result<Response<Body>, Problem> {
        let found = self.handle.dead_letter(id.to_owned()).await;
        let job = found.map_err(|refusal| self.problem(refusal))?;
        let shown = Shown {
            id: &job.id,
            attempts: job.failures.len(),
            errors: &job.failures,
            payload: serde_json::from_slice(&job.payload).ok(),
        };
        Ok(json(StatusCode::OK, &shown))
    }

    async fn replay(&self, id: Option<&str>) -> Result<Response<Body>, Problem> {
        #[derive(Serialize)]
        struct Replayed {
            replayed: usize,
        }
        let replayed = match id {
            Some(id) => self.handle.replay(id.to_owned()).await.map(|()| 1),
            None => self.handle.replay_all().await,
        };
        let replayed = replayed.map_err(|refusal| self.problem(refusal))?;
        Ok(json(StatusCode::ACCEPTED, &Replayed { replayed }))
    }
}

impl From<Gone> for Problem {
    fn from(_: Gone) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping")
    }
}

impl Handler for Api {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        let posts = request.method() == Method::POST;
        let answered = match segments.as_slice() {
            ["jobs"] if posts => return self.post(request).await,
            ["deadletter", "replay"] if posts => self.replay(None).await,
            ["deadletter", id, "replay"] if posts => self.replay(Some(id)).await,
            ["jobs"] | ["deadletter", "replay"] | ["deadletter", _, "replay"] => {
                Err(Problem::method_not_allowed("this resource takes POST", "POST"))
            }
            ["stats"] if reads => self.stats().await,
            ["deadletter"] if reads => self.dead_letters().await,
            ["deadletter", id] if reads => self.dead_letter(id).await,
            ["stats"] | ["deadletter", ..] => {
                Err(Problem::method_not_allowed("this resource can only be read", "GET, HEAD"))
            }
            _ => return self.probes.answer(&request),
        };
        answered.unwrap_or_else(Problem::response)
    }
}
