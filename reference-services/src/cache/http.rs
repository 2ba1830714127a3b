//! Requests in, answers out: routes, probes, sessions, and what each outcome looks like.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::{Body as _, Incoming};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::{
    entries::{Document, Found},
    export::Export,
    flights::Unloaded,
    load,
    metrics::{Metrics, Outcome},
    place::Placed,
    session::{Presented, Session},
    snapshot::SnapshotBody,
    state::Cache,
};
use crate::server::{self, Problem, Trace, host, json, metrics, text};

/// Lines of an export at the most.
const EXPORT_MAX: u64 = 100_000;

/// An answer made at once, or one that keeps a place.
pub(super) type Body = Either<Full<Bytes>, Placed<Either<SnapshotBody, Export>>>;

/// What `/healthz` says.
#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'a str,
    items: u64,
}

/// Answers one request. While the service stops, each answer ends its connection, so that what
/// comes next goes elsewhere.
pub(super) async fn handle(
    cache: Arc<Cache>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut response = route(&cache, &request).await;
    if cache.is_stopping() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

async fn route(cache: &Arc<Cache>, request: &Request<Incoming>) -> Response<Body> {
    if let Err(problem) = host::check(request) {
        return problem.response().map(Either::Left);
    }
    if !request.body().is_end_stream() {
        let detail = "a request takes no body";
        return Problem::unread(StatusCode::PAYLOAD_TOO_LARGE, detail).response().map(Either::Left);
    }
    let path = request.uri().path();
    let posts = path == "/session";
    if posts && request.method() != Method::POST {
        let detail = "a session is begun with POST";
        return Problem::method_not_allowed(detail, "POST").response().map(Either::Left);
    }
    if !posts && request.method() != Method::GET && request.method() != Method::HEAD {
        let detail = "this resource can only be read";
        return Problem::method_not_allowed(detail, "GET, HEAD").response().map(Either::Left);
    }
    let answer = match path {
        "/healthz" => healthz(cache),
        "/livez" => text("alive\n"),
        "/startupz" => started(cache),
        "/readyz" => ready(cache),
        "/metrics" => metrics(&cache.metrics.registry),
        "/prestop" => prestop(cache).await,
        "/session" => begin_session(cache),
        "/snapshot" => {
            return stream(cache, |cache| Either::Left(SnapshotBody::new(Arc::clone(cache))));
        }
        "/export" => return export(cache, request.uri().query()),
        _ => match path.strip_prefix("/items/") {
            Some(id) => observed(cache, request.headers(), id).await,
            None => Problem::new(StatusCode::NOT_FOUND, "no such resource").response(),
        },
    };
    cache.answers.hold(answer).map(Either::Left)
}

fn healthz(cache: &Cache) -> Response<server::Body> {
    let status = match (cache.is_stopping(), cache.is_warm()) {
        (true, _) => "stopping",
        (false, true) => "ok",
        (false, false) => "warming up",
    };
    let (version, items) = (&*cache.config.get().version, cache.entries.held());
    json(StatusCode::OK, &Health { status, version, items })
}

/// Once warm, a pod has started, whatever comes.
fn started(cache: &Cache) -> Response<server::Body> {
    if cache.is_warm() { text("started\n") } else { not_warm().response() }
}

fn ready(cache: &Cache) -> Response<server::Body> {
    if cache.is_stopping() {
        let detail = "the service is stopping";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).response();
    }
    if cache.is_warm() { text("ready\n") } else { not_warm().response() }
}

/// Not a matter of load: another pod may well have it.
fn not_warm() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the cache is not warm yet")
}

/// The hook that an orchestrator calls before it sends the signal to terminate: it holds the
/// signal back until no load balancer sends requests here any more.
async fn prestop(cache: &Cache) -> Response<server::Body> {
    tracing::info!(delay_ms = cache.prestop_delay().as_millis(), "about to stop");
    cache.stop();
    sleep(cache.prestop_delay()).await;
    text("stop\n")
}

fn export(cache: &Arc<Cache>, query: Option<&str>) -> Response<Body> {
    let asked = query.and_then(|query| query.strip_prefix("items="));
    let items = match asked.map(str::parse) {
        None if query.is_none() => cache.entries.places().min(EXPORT_MAX),
        Some(Ok(items)) if items <= EXPORT_MAX => items,
        _ => {
            let detail = "an export has items=N with N from 0 to 100000";
            return Problem::new(StatusCode::BAD_REQUEST, detail).response().map(Either::Left);
        }
    };
    stream(cache, |cache| Either::Right(Export::new(Arc::clone(cache), items)))
}

/// Lines of JSON, which keep a place until the last of them has gone.
fn stream(
    cache: &Arc<Cache>,
    body: impl FnOnce(&Arc<Cache>) -> Either<SnapshotBody, Export>,
) -> Response<Body> {
    if !cache.is_warm() {
        return not_warm().response().map(Either::Left);
    }
    let Some(place) = cache.stream() else {
        let detail = "too many exports and snapshots at once";
        return Problem::shed(detail, cache.config.get().retry_after_s)
            .response()
            .map(Either::Left);
    };
    let mut response = Response::new(Either::Right(place.hold(body(cache))));
    let lines = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, lines);
    response
}

fn begin_session(cache: &Cache) -> Response<server::Body> {
    let begun = cache.sessions.begin();
    let Some((session, cookie)) = begun.and_then(|it| Some((it, cache.sessions.cookie(it)?)))
    else {
        let detail = "there are no sessions without a key";
        return Problem::new(StatusCode::NOT_FOUND, detail).response();
    };
    cache.metrics.sessions_begun.inc();
    let mut response = json(StatusCode::CREATED, &session.view());
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

async fn observed(cache: &Arc<Cache>, headers: &HeaderMap, id: &str) -> Response<server::Body> {
    // At the load that this service is made for, a span for each request is too much to keep.
    let span = tracing::debug_span!(parent: None, "request", trace_id = tracing::field::Empty);
    if !span.is_disabled() {
        let trace = Trace::of(headers);
        span.record("trace_id", tracing::field::display(trace));
        trace.adopt(&span);
    }
    let begun = Instant::now();
    let mut observed = Observed { metrics: &cache.metrics, begun, outcome: Outcome::Cancelled };
    cache.metrics.in_flight.inc();
    let (outcome, response) = item(cache, headers, id).instrument(span).await;
    observed.outcome = outcome;
    response
}

async fn item(
    cache: &Arc<Cache>,
    headers: &HeaderMap,
    id: &str,
) -> (Outcome, Response<server::Body>) {
    let problem = |outcome, problem: Problem| (outcome, problem.response());
    let Some(id) = id.parse().ok().filter(|id| (1..=cache.entries.places()).contains(id)) else {
        let detail = "no such item";
        return problem(Outcome::ClientError, Problem::new(StatusCode::NOT_FOUND, detail));
    };
    let Some(_place) = cache.in_flight.enter() else {
        let detail = "too many requests at once";
        return problem(Outcome::Shed, Problem::shed(detail, cache.config.get().retry_after_s));
    };
    if let Some(cost) = cache.config.get().cpu() {
        squall_os::cpu::spend(cost).await;
    }
    if let Err(error) = cache.config.get().trouble.meet().await {
        return problem(Outcome::Failed, error);
    }
    let exposed = cache.flags.expose(id);
    let (outcome, response) = match exposed.meet().await {
        Ok(()) => held(cache, headers, id).await,
        Err(error) => problem(Outcome::Failed, error),
    };
    exposed.judge(outcome == Outcome::Failed);
    (outcome, response)
}

/// What the cache has, or can have, of an item.
async fn held(
    cache: &Arc<Cache>,
    headers: &HeaderMap,
    id: u64,
) -> (Outcome, Response<server::Body>) {
    let problem = |outcome, problem: Problem| (outcome, problem.response());
    let session = match cache.sessions.of(headers) {
        Presented::Nothing => None,
        Presented::Session(session) => Some(session.visited()),
        Presented::Unknown => return (Outcome::ClientError, unauthorized()),
    };
    if !cache.is_warm() {
        return problem(Outcome::Failed, not_warm());
    }
    let found = cache.entries.find(id);
    if let Found::Ageing(_) = found {
        // Nobody waits for it, and nobody will have to.
        load::refresh(cache, id);
    }
    let (outcome, value, warnings): (_, _, &[&str]) = match found {
        Found::Fresh(entry) | Found::Ageing(entry) if session.is_none() => {
            return (Outcome::Ok, document(entry.answer));
        }
        Found::Fresh(entry) | Found::Ageing(entry) => (Outcome::Ok, entry.value, &[]),
        // Defect: how old it is makes no difference.
        Found::Stale(entry) if cache.defects.unmarked_stale => (Outcome::Ok, entry.value, &[]),
        Found::Stale(entry) if cache.config.get().on_demand => match load::renew(cache, id).await {
            Some(value) => (Outcome::Cold, value, &["cold"]),
            // Better what is old than nothing, and than a wait.
            None => (Outcome::Stale, entry.value, &["stale"]),
        },
        Found::Stale(entry) => (Outcome::Stale, entry.value, &["stale"]),
        Found::Missing => match load::load(cache, id).await {
            Ok(value) => (Outcome::Cold, value, &["cold"]),
            Err(why) => {
                let (outcome, error) = not_loaded(why);
                return problem(outcome, error);
            }
        },
    };
    let version = &*cache.config.get().version;
    let view = session.map(Session::view);
    let mut response =
        json(StatusCode::OK, &Document { id, value: &value, version, warnings, session: view });
    // Defect: the client keeps the session as it was.
    let changed = session.filter(|_| !cache.defects.lost_visits);
    if let Some(cookie) = changed.and_then(|session| cache.sessions.cookie(session)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    (outcome, response)
}

fn document(answer: Bytes) -> Response<server::Body> {
    let mut response = Response::new(Full::new(answer));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// What a client is told when an item cannot be loaded.
fn not_loaded(why: Unloaded) -> (Outcome, Problem) {
    match why {
        Unloaded::Unknown => {
            (Outcome::ClientError, Problem::new(StatusCode::NOT_FOUND, "no such item"))
        }
        Unloaded::Failed => {
            let detail = "neither the cache nor the source has the item now";
            (Outcome::Failed, Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
    }
}

fn unauthorized() -> Response<server::Body> {
    let detail = "nobody here knows this session";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).response();
    // A 401 must say how to do better (RFC 9110, 11.6.1).
    let challenge = HeaderValue::from_static("Session realm=\"/session\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// A request as an observer sees it, up to its answer or until its client went away.
struct Observed<'a> {
    metrics: &'a Metrics,
    begun: Instant,
    outcome: Outcome,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.count(self.outcome, self.begun.elapsed());
    }
}
