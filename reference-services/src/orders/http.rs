//! The public interface: orders in, and where they are.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tracing::{Instrument, field::Empty};

use super::{
    Config,
    desk::Desk,
    ledger::{Ledger, Placed},
    metrics::Metrics,
    record::{Order, since_1970},
    saga::Stage,
};
use crate::{
    config::Live,
    ids::is_id,
    journal::{Keeper, Undecided},
    server::{Body, Handler, Probes, Problem, Trace, json, read_json},
};

/// More of one item are refused.
const QUANTITY_MAX: u32 = 1_000;

/// A larger sum is refused.
const AMOUNT_MINOR_MAX: u64 = 1_000_000_000;

/// What a client sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    id: String,
    customer: String,
    item: u64,
    quantity: u32,
    amount_minor: u64,
}

/// What it gets, the first time and ever after.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Api {
    desk: Desk,
    keeper: Keeper<Ledger>,
    config: Live<Config>,
    metrics: Metrics,
    pub(super) probes: Arc<Probes>,
}

impl Api {
    pub(super) fn new(
        config: Live<Config>,
        desk: Desk,
        keeper: Keeper<Ledger>,
        metrics: Metrics,
        probes: Arc<Probes>,
    ) -> Self {
        Self { config, desk, keeper, metrics, probes }
    }

    async fn post(&self, request: Request<Incoming>) -> Response<Body> {
        let trace = Trace::of(request.headers());
        let span = tracing::info_span!(
            parent: None, "place", trace_id = %trace, order = Empty, outcome = Empty
        );
        trace.adopt(&span);
        let placed = self.place(request, trace, &span).instrument(span.clone()).await;
        span.record("outcome", if placed.is_ok() { "ok" } else { "refused" });
        placed.unwrap_or_else(Problem::response)
    }

    async fn place(
        &self,
        request: Request<Incoming>,
        trace: Trace,
        span: &tracing::Span,
    ) -> Result<Response<Body>, Problem> {
        let expected = "expected a JSON object with an id, a customer, an item, a quantity and an amount_minor";
        let config = self.config.get();
        let NewOrder { id, customer, item, quantity, amount_minor } =
            read_json(request.into_body(), &config.http, expected).await?;
        check(&id, &customer, quantity, amount_minor)?;
        span.record("order", &*id);
        if let Some(cost) = config.cpu() {
            squall_os::cpu::spend(cost).await;
        }
        let placed_unix_ms = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
        let order = Order {
            id: id.clone(),
            customer,
            item,
            quantity,
            amount_minor,
            traceparent: trace.within(span),
            placed_unix_ms,
            stage: Stage::Reserve.into(),
            reason: String::new(),
        };
        let stage = match self.desk.place(order).await {
            Ok(Placed::New(order)) => order.stage(),
            Ok(Placed::Before(stage)) => stage,
            Ok(Placed::Another) => {
                let detail = "another order with this id was placed before";
                return Err(Problem::new(StatusCode::CONFLICT, detail));
            }
            Ok(Placed::Full) => {
                self.metrics.shed.inc();
                let problem =
                    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many orders are open");
                return Err(problem.retry_after(config.retry_after_s));
            }
            Err(undecided) => return Err(self.problem(undecided)),
        };
        let shown = Shown { id: &id, status: stage.name(), reason: "" };
        let mut response = json(StatusCode::ACCEPTED, &shown);
        // Ids are plain.
        if let Ok(location) = HeaderValue::from_str(&format!("/orders/{id}")) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    }

    async fn get(&self, id: &str) -> Result<Response<Body>, Problem> {
        let asked = id.to_owned();
        let found = self.keeper.read(move |ledger| ledger.find(&asked).cloned()).await;
        let order = found.map_err(|undecided| self.problem(undecided))?;
        let order = order.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such order"))?;
        let Order { id, reason, .. } = &order;
        Ok(json(StatusCode::OK, &Shown { id, status: order.stage().name(), reason }))
    }

    fn problem(&self, undecided: Undecided) -> Problem {
        match undecided {
            Undecided::Disk => {
                Problem::shed("the order could not be stored", self.config.get().retry_after_s)
            }
            Undecided::Gone => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping")
            }
        }
    }
}

fn check(id: &str, customer: &str, quantity: u32, amount_minor: u64) -> Result<(), Problem> {
    let expected = |holds: bool, detail: &'static str| {
        if holds { Ok(()) } else { Err(Problem::new(StatusCode::BAD_REQUEST, detail)) }
    };
    expected(is_id(id), "expected an id of 1 to 128 letters, digits and ._:-")?;
    expected(is_id(customer), "expected a customer of 1 to 128 letters, digits and ._:-")?;
    let quantities = 1..=QUANTITY_MAX;
    expected(quantities.contains(&quantity), "expected a quantity from 1 to 1000")?;
    expected(amount_minor <= AMOUNT_MINOR_MAX, "expected an amount_minor of at most 1000000000")
}

impl Handler for Api {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        let answered = match segments.as_slice() {
            ["orders"] if request.method() == Method::POST => return self.post(request).await,
            ["orders", id] if reads => self.get(id).await,
            ["orders"] => Err(Problem::method_not_allowed("this resource takes POST", "POST")),
            ["orders", _] => {
                Err(Problem::method_not_allowed("this resource can only be read", "GET, HEAD"))
            }
            _ => return self.probes.answer(&request),
        };
        answered.unwrap_or_else(Problem::response)
    }
}
