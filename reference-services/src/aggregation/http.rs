//! Requests in, responses out: routes, admission, and what each outcome looks like on the wire.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument, field::Empty};

use super::{
    Error,
    admission::{Admission, Class},
    attempt::Context,
    config::Config,
    defect::Defect,
    failure::CallError,
    metrics::{Metrics, RequestOutcome},
    product::document,
    steps::Steps,
    tenants::{self, Refusal, Tenants},
    upstream::UpstreamSet,
};
use crate::{
    config::Live,
    metrics::registry,
    server::{Body, Handler, Problem, Trace, json, metrics, text},
    tls::{self, Trust},
};

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Api {
    config: Live<Config>,
    upstreams: UpstreamSet,
    admission: Admission,
    steps: Steps,
    tenants: Option<Tenants>,
    warm: AtomicBool,
    draining: AtomicBool,
    metrics: Metrics,
}

impl Handler for Api {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if !request.body().is_end_stream() {
            let detail = "a request takes no body";
            return Problem::unread(StatusCode::PAYLOAD_TOO_LARGE, detail).response();
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let detail = "this resource can only be read";
            return Problem::method_not_allowed(detail, "GET, HEAD").response();
        }
        match request.uri().path() {
            "/healthz" | "/readyz" if self.sheds_probe() => self.no_room().response(),
            "/healthz" => text("ok\n"),
            "/readyz" => self.ready(),
            "/metrics" => metrics(self.metrics.registry()),
            path => match path.strip_prefix("/products/") {
                Some(id) => self.product(&request, id).await,
                None => Problem::new(StatusCode::NOT_FOUND, "no such resource").response(),
            },
        }
    }
}

impl Api {
    pub(super) fn new(
        live: Live<Config>,
        listener: Option<&tls::Metrics>,
        trust: Option<&Trust>,
    ) -> Result<Self, Error> {
        let config = live.get();
        let mut registry = registry("aggregation_api");
        let admission = Admission::new(&config, &mut registry);
        let mut metrics = Metrics::new(&config, registry);
        live.register(metrics.registry_mut());
        let sides = [("http", listener), ("client", trust.map(Trust::metrics))];
        tls::register(metrics.registry_mut(), sides);
        let upstreams = UpstreamSet::new(&live, trust, |kind| metrics.calls(kind))?;
        let steps = Steps::new(config.step_max);
        // Defect: whoever asks for most gets most.
        let shared = config.defects.contains(&Defect::SharedBulkhead);
        let tenants = Tenants::new(&config.tenants, config.in_flight_max, shared);
        let (warm, draining) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { config: live, upstreams, admission, steps, tenants, warm, draining, metrics })
    }

    /// Reaches the dependencies, so that no request has to wait for a connection; then the service
    /// is ready. One that cannot be reached is waited for in vain, and not for ever: without it
    /// pages are degraded.
    pub(super) async fn warm_up(&self) {
        let UpstreamSet { inventory, pricing, reviews, recommendations } = &self.upstreams;
        let reached = async {
            tokio::join!(
                inventory.endpoints.reach(),
                pricing.endpoints.reach(),
                reviews.endpoints.reach(),
                recommendations.endpoints.reach()
            )
        };
        let limit = Duration::from_millis(self.config.get().warm_up_ms);
        let complete = timeout(limit, reached).await.is_ok();
        self.warm.store(true, Ordering::Relaxed);
        tracing::info!(complete, "warm");
    }

    /// Asks the endpoints of dependencies that have several for their health, and never ends.
    pub(super) async fn watch(&self) {
        let UpstreamSet { inventory, pricing, reviews, recommendations } = &self.upstreams;
        tokio::join!(
            inventory.endpoints.watch(),
            pricing.endpoints.watch(),
            reviews.endpoints.watch(),
            recommendations.endpoints.watch(),
            pending::<()>()
        );
    }

    /// From now on the service is not ready.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn ready(&self) -> Response<Body> {
        if self.draining.load(Ordering::Relaxed) {
            let detail = "the service is stopping";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).response();
        }
        // Defect: a service that runs is taken for one that is ready.
        let early = self.config.get().defects.contains(&Defect::ReadyTooEarly);
        if !self.warm.load(Ordering::Relaxed) && !early {
            let detail = "the service is warming up";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).response();
        }
        text("ready\n")
    }

    async fn product(&self, request: &Request<Incoming>, id: &str) -> Response<Body> {
        let begun = Instant::now();
        let trace = Trace::of(request.headers());
        let span = tracing::info_span!(
            parent: None,
            "request",
            trace_id = %trace,
            warm = self.warm.load(Ordering::Relaxed),
            outcome = Empty
        );
        trace.adopt(&span);
        let mut observed = Observed {
            trace,
            span: Arc::new(span.clone()),
            metrics: &self.metrics,
            begun,
            outcome: RequestOutcome::Cancelled,
        };
        self.metrics.in_flight.inc();
        let deadline = begun + self.config.get().request_deadline();
        let context = Context { deadline, trace, span: Arc::downgrade(&observed.span) };
        let answered = async {
            match self.tenant(request.headers(), begun) {
                Ok(_guard) => self.admit(&context, request.headers(), id, begun).await,
                Err((outcome, problem)) => (outcome, problem.response()),
            }
        };
        let (outcome, response) = answered.instrument(span).await;
        observed.outcome = outcome;
        response
    }

    /// Lets a request in, if its tenant may have one more.
    fn tenant(
        &self,
        headers: &HeaderMap,
        now: Instant,
    ) -> Result<Option<tenants::Guard<'_>>, (RequestOutcome, Problem)> {
        let Some(tenants) = &self.tenants else { return Ok(None) };
        let name = headers.get("x-tenant").map_or(Ok(""), |name| name.to_str());
        let Some(name) = name.ok().filter(|name| name.len() <= tenants::NAME_MAX) else {
            let detail = "a tenant has a name of at most 64 visible ASCII characters";
            let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
            return Err((RequestOutcome::ClientError, problem));
        };
        tenants.enter(name, now).map(Some).map_err(|refusal| {
            let (detail, seconds) = match refusal {
                Refusal::Rate(wait) => ("the tenant asks too often", wait.as_secs() + 1),
                Refusal::Places => {
                    ("the tenant has too many requests at once", self.config.get().retry_after_s)
                }
                Refusal::Names => ("too many tenants", self.config.get().retry_after_s),
            };
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail);
            (RequestOutcome::Shed, problem.retry_after(seconds))
        })
    }

    /// Lets a request in if there is room for one of its class.
    async fn admit(
        &self,
        context: &Context,
        headers: &HeaderMap,
        id: &str,
        now: Instant,
    ) -> (RequestOutcome, Response<Body>) {
        let Some(id) = product_id(id) else {
            let detail = "a product id is a number from 1 to 9007199254740991";
            let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
            return (RequestOutcome::ClientError, problem.response());
        };
        let Some(mut place) = self.admission.enter(self.admission.class(headers), now) else {
            return (RequestOutcome::Shed, self.no_room().response());
        };
        let (outcome, response) = self.answer(context, id).await;
        if !matches!(outcome, RequestOutcome::Ok | RequestOutcome::Degraded) {
            place.failed();
        }
        (outcome, response)
    }

    /// Whoever is turned away may come again, but not at once.
    fn no_room(&self) -> Problem {
        Problem::shed("too many requests at once", self.config.get().retry_after_s)
    }

    /// Defect: a health check is taken for a request like any other.
    fn sheds_probe(&self) -> bool {
        self.config.get().defects.contains(&Defect::ShedsProbes)
            && self.admission.enter(Class::Free, Instant::now()).map(|mut it| it.failed()).is_none()
    }

    async fn answer(&self, context: &Context, id: u64) -> (RequestOutcome, Response<Body>) {
        let useful = context.deadline - self.config.get().call_useful();
        if timeout_at(useful, self.steps.enter()).await.is_err() {
            // Calls that are late when they begin would be taken for failures of the dependencies.
            return (RequestOutcome::Shed, self.no_room().response());
        }
        if let Some(cost) = self.config.get().cpu() {
            squall_os::cpu::spend(cost).await;
        }
        match document(&self.upstreams, context, id).await {
            Ok(document) => {
                let outcome = if document.degraded.is_empty() {
                    RequestOutcome::Ok
                } else {
                    tracing::debug!(degraded = ?document.degraded, "sections are left out");
                    RequestOutcome::Degraded
                };
                (outcome, json(StatusCode::OK, &document))
            }
            Err(error) => {
                tracing::debug!(?error, "no answer from the inventory");
                let (outcome, problem) = self.without_inventory(error);
                (outcome, problem.response())
            }
        }
    }

    fn without_inventory(&self, error: CallError) -> (RequestOutcome, Problem) {
        let unavailable = |detail| {
            (RequestOutcome::Failed, Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        };
        match error {
            CallError::NotFound => {
                let problem = Problem::new(StatusCode::NOT_FOUND, "no such product");
                (RequestOutcome::ClientError, problem)
            }
            CallError::Full => {
                let detail = "too many calls to the inventory at once";
                (RequestOutcome::Shed, Problem::shed(detail, self.config.get().retry_after_s))
            }
            CallError::BreakerOpen => unavailable("the inventory is down"),
            CallError::Timeout => unavailable("the inventory did not answer in time"),
            CallError::Failed => unavailable("the inventory failed"),
        }
    }
}

/// Numbers that every JSON reader can hold: up to 2^53 - 1.
fn product_id(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = digits.then(|| text.parse().ok()).flatten()?;
    (1..1 << 53).contains(&id).then_some(id)
}

/// A request as an observer sees it, up to its answer or until its client went away.
struct Observed<'a> {
    trace: Trace,
    span: Arc<tracing::Span>,
    metrics: &'a Metrics,
    begun: Instant,
    outcome: RequestOutcome,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.name());
        self.metrics.in_flight.dec();
        self.metrics.count(self.outcome, self.begun.elapsed(), self.trace);
    }
}

#[cfg(test)]
mod tests {
    use super::product_id;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(product_id(text), expected, "{text:?}");
    }

    #[test]
    fn ids_are_plain_numbers() {
        check("1", Some(1));
        check("007", Some(7));
        check("9007199254740991", Some((1 << 53) - 1));
        check("9007199254740992", None);
        check("99999999999999999999999", None);
        check("0", None);
        check("", None);
        check("+1", None);
        check("1/2", None);
        check("abc", None);
    }
}
