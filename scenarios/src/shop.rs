//! The shop: the aggregation API, its four dependencies and its clients, and what is expected of
//! it whatever breaks.

use std::time::Duration;

use reference_services::{aggregation, dependency};
use serde_json::json;
use squall::{
    Scenario, Services,
    objective::{
        Matching, Objective, concurrency_of, logs, no_span_outlives_its_request, p99, percentile,
        returns_to_baseline, spans,
    },
    plan::{Arrivals, Fault, Load, Plan, RequestSpec, Topology},
};

/// The four dependencies and their ports.
const DEPENDENCIES: [(&str, u16); 4] =
    [("inventory", 50051), ("pricing", 50052), ("reviews", 50053), ("recommendations", 50054)];

/// The dependencies whose loss costs a section only.
pub(crate) const OPTIONAL: [&str; 3] = ["pricing", "reviews", "recommendations"];

/// How long a call may take with all of its attempts: 150 ms, and two ticks of Tokio's timers.
const CALL_LONGEST: Duration = Duration::from_millis(152);

/// How long the news that a client has gone away may take to reach the calls made for it.
const NEWS: Duration = Duration::from_millis(2);

/// Milliseconds.
pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A transition of the circuit breaker for a dependency.
pub(crate) fn breaker(dependency: &str, from: &str, to: &str) -> Matching {
    logs("the breaker moved")
        .with("dependency", dependency)
        .with("from", from)
        .with("to", to)
        .on("api")
}

/// What a dependency has received.
pub(crate) fn served_by(dependency: &str) -> Matching {
    spans("serve").with("dependency", dependency)
}

fn services() -> Services {
    Services::new().with("aggregation-api", aggregation::run).with("dependency", dependency::run)
}

/// One host for each dependency, one for the API, one for all clients.
fn topology() -> Topology {
    let mut topology = Topology::new();
    for (kind, port) in DEPENDENCIES {
        let config = json!({ "kind": kind, "listen": format!("0.0.0.0:{port}") });
        topology = topology.host(kind, "dependency", config);
    }
    let upstreams: serde_json::Map<String, serde_json::Value> = DEPENDENCIES
        .iter()
        .map(|(kind, port)| ((*kind).to_owned(), format!("http://{kind}:{port}").into()))
        .collect();
    topology
        .host("api", "aggregation-api", json!({ "listen": "0.0.0.0:8080", "upstreams": upstreams }))
        .client("clients")
}

/// The page that clients ask for. An answer without its inventory is no answer, and an error is a
/// problem document (RFC 9457).
fn product_page() -> RequestSpec {
    RequestSpec::get("/products/{id}")
        .expect_present("/id")
        .expect_present("/inventory")
        .degraded_by("/degraded")
        .expect_error_type("application/problem+json")
}

/// A scenario on the shop, under construction.
pub(crate) struct Shop {
    name: String,
    hypothesis: String,
    plan: Plan,
    /// What an answer within 200 ms is asked of.
    in_time: Objective,
    /// Calls in flight to one dependency.
    bulkhead: u64,
}

/// A scenario on the shop: 1,000 requests a second for six seconds, and nothing broken yet.
pub(crate) fn shop(name: impl Into<String>, hypothesis: impl Into<String>) -> Shop {
    let load =
        Load::constant("clients", "api:8080", 1_000.0).lasts(ms(6_000)).request(product_page());
    let plan = Plan::new(topology()).load(load);
    let in_time = p99().at_most(ms(200));
    Shop { name: name.into(), hypothesis: hypothesis.into(), plan, in_time, bulkhead: 500 }
}

impl Shop {
    /// Sets when requests arrive, and for how long.
    pub(crate) fn arrivals(mut self, arrivals: Arrivals, lasts: Duration) -> Self {
        for load in &mut self.plan.loads {
            load.arrivals = arrivals.clone();
            load.lasts = lasts;
        }
        self
    }

    /// Lets clients send a request several times. What they wait for is then no longer what the
    /// API takes, so it is the API's own part that has to come in time.
    pub(crate) fn client_retries(mut self, attempts_max: u8, backoff: Duration) -> Self {
        let loads = std::mem::take(&mut self.plan.loads);
        self.plan.loads = loads.into_iter().map(|load| load.retry(attempts_max, backoff)).collect();
        self.in_time = p99().at_most(ms(200)).of_calls(spans("request").on("api"));
        self
    }

    /// Adds a fault.
    pub(crate) fn fault(mut self, fault: Fault) -> Self {
        self.plan = self.plan.fault(fault);
        self
    }

    /// Adds an objective.
    pub(crate) fn objective(mut self, objective: Objective) -> Self {
        self.plan = self.plan.objective(objective);
        self
    }

    /// Bounds the calls in flight to one dependency.
    pub(crate) fn bulkhead(mut self, calls: u64) -> Self {
        self.bulkhead = calls;
        self
    }

    /// Changes the configuration of one host.
    pub(crate) fn configure(mut self, host: &str, changes: &serde_json::Value) -> Self {
        let topology = std::mem::take(&mut self.plan.topology);
        self.plan.topology = topology.patched(host, changes);
        self
    }

    /// Changes the plan in a way that the shop has no word for.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// Adds what holds whatever breaks: an answer within 200 ms, in every phase; calls that are
    /// bounded in time and number, and end with their request; tasks and sockets of the API as many as before the load.
    pub(crate) fn build(mut self) -> Scenario {
        let bulkhead = self.bulkhead;
        self = self.configure("api", &json!({ "bulkhead": bulkhead }));
        let calls = spans("call").on("api");
        let mut plan = self
            .plan
            .objective(self.in_time)
            .objective(percentile(100.0).at_most(CALL_LONGEST).of_calls(calls).over_the_run())
            .objective(no_span_outlives_its_request(spans("call")).with_grace(NEWS))
            .objective(returns_to_baseline("tasks").on_host("api"))
            .objective(returns_to_baseline("sockets").on_host("api"))
            .objective(returns_to_baseline("memory_growth_mib"));
        for (dependency, _) in DEPENDENCIES {
            let calls = spans("call").with("dependency", dependency);
            // A call that is refused is there for an instant, beside those that fill the bulkhead.
            plan = plan.objective(concurrency_of(calls).at_most(bulkhead + 1));
        }
        Scenario::new(self.name, self.hypothesis, plan, services())
    }
}
