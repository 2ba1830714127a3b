//! The shop: the aggregation API, its four dependencies and its clients, and what is expected of
//! it whatever breaks.

use std::time::Duration;

use reference_services::{aggregation, dependency};
use serde_json::json;
use squall::{
    Scenario, Services,
    objective::{
        Matching, Objective, Phase, concurrency_of, gauge, logs, no_span_outlives_its_request, p99,
        percentile, returns_to_baseline, spans, wrong,
    },
    plan::{Arrivals, Fault, Load, Plan, Processes, RequestSpec, Scrape, Topology},
};

use crate::witness::with_witnesses;

/// The four dependencies and their ports.
pub(crate) const DEPENDENCIES: [(&str, u16); 4] =
    [("inventory", 50051), ("pricing", 50052), ("reviews", 50053), ("recommendations", 50054)];

/// The dependencies whose loss costs a section only.
pub(crate) const OPTIONAL: [&str; 3] = ["pricing", "reviews", "recommendations"];

/// How long a call may take with all of its attempts: 150 ms, and two ticks of Tokio's timers.
const CALL_LONGEST: Duration = Duration::from_millis(152);

/// How long the news that a client has gone away may take to reach the calls made for it.
const NEWS: Duration = Duration::from_millis(2);

/// The same for what a dependency does for such a call, a hop further, while the network and the
/// dependency are well.
const NEWS_BEHIND: Duration = Duration::from_millis(5);

/// Why what is expected of replicas is not for real processes.
const COUNTS_OF_CALLS: &str = "a replica is left out after a number of calls, which are fewer here";

/// Milliseconds.
pub(crate) const fn ms(ms: u64) -> Duration {
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

/// What the API has asked of a dependency, attempt by attempt.
pub(crate) fn calls_to(dependency: &str) -> Matching {
    spans("call").with("dependency", dependency)
}

pub(crate) fn services() -> Services {
    let services = Services::new()
        .with("aggregation-api", aggregation::run)
        .with("dependency", dependency::run);
    with_witnesses(services)
}

/// One host for each dependency, and one for all clients.
pub(crate) fn dependencies() -> Topology {
    let mut topology = Topology::new();
    for (kind, port) in DEPENDENCIES {
        let config = json!({ "kind": kind, "listen": format!("0.0.0.0:{port}") });
        topology = topology.host(kind, "dependency", config).port(port);
    }
    topology.client("clients")
}

/// A fifth of the load, for a machine that has all of it on two cores beside whoever sends it.
fn on_processes() -> Processes {
    Processes::new().rate_factor(0.2).slack(ms(40))
}

/// What the API is configured with.
pub(crate) fn api() -> serde_json::Value {
    let upstreams: serde_json::Map<String, serde_json::Value> = DEPENDENCIES
        .iter()
        .map(|(kind, port)| ((*kind).to_owned(), format!("http://{kind}:{port}").into()))
        .collect();
    json!({ "listen": "0.0.0.0:8080", "upstreams": upstreams })
}

/// The page that clients ask for, and what it says of the product that they ask for. What a
/// dependency knows of a product follows from the product's number, so that whether a page is right
/// can be told without asking any service. An answer without its inventory is no answer, another
/// section may be left out if the page says so, and an error is a problem document (RFC 9457).
pub(crate) fn product_page() -> RequestSpec {
    let page = OPTIONAL.iter().fold(RequestSpec::get("/products/{id}"), |page, section| {
        page.expect_section(section, &format!("/{section}"))
            .expect_equal(&format!("/{section}/product_id"), "{id}")
    });
    page.degraded_by("/degraded")
        .expect_equal("/id", "{id}")
        .expect_equal("/inventory/product_id", "{id}")
        .expect_present("/inventory/available")
        .expect_present("/inventory/warehouse")
        .expect_equal("/pricing/amount_minor", "{id}99")
        .expect_equal("/pricing/currency", r#""EUR""#)
        .expect_count("/reviews/latest", 3)
        .expect_equal("/reviews/latest/0/id", "{id}1")
        .expect_equal("/reviews/latest/1/id", "{id}2")
        .expect_equal("/reviews/latest/2/id", "{id}3")
        .expect_present("/reviews/rating")
        .expect_equal("/recommendations/product_ids", "[{id}1,{id}2,{id}3,{id}4,{id}5]")
        .expect_error_type("application/problem+json")
}

/// The hosts of a dependency that has two.
fn replicas(dependency: &str) -> [String; 2] {
    [1, 2].map(|number| format!("{dependency}-{number}"))
}

/// A series of the API's metrics that is kept for one dependency.
fn series(name: &str, dependency: &str) -> String {
    format!("aggregation_api_{name}{{dependency=\"{dependency}\"}}")
}

/// A scenario on the shop, under construction.
pub(crate) struct Shop {
    name: String,
    hypothesis: String,
    services: Services,
    plan: Plan,
    /// What an answer within 200 ms is asked of.
    in_time: Objective,
    /// Calls in flight to one dependency.
    bulkhead: u64,
    /// How long a dependency may work on for a request that has ended.
    news_behind: Duration,
}

/// A scenario on the shop: 1,000 requests a second for six seconds, and nothing broken yet.
pub(crate) fn shop(name: impl Into<String>, hypothesis: impl Into<String>) -> Shop {
    let load =
        Load::constant("clients", "api:8080", 1_000.0).lasts(ms(6_000)).request(product_page());
    let topology = dependencies().host("api", "aggregation-api", api()).port(8080);
    let plan = Plan::new(topology).load(load).on_processes(on_processes());
    Shop {
        name: name.into(),
        hypothesis: hypothesis.into(),
        services: services(),
        plan,
        in_time: p99().at_most(ms(200)),
        bulkhead: 500,
        news_behind: NEWS_BEHIND,
    }
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

    /// Lets dependencies work on for so long for a request that has ended, where the network or
    /// they themselves are such that they cannot learn of it before.
    pub(crate) fn works_on_for(mut self, at_most: Duration) -> Self {
        self.news_behind = at_most;
        self
    }

    /// Reads how many places of the bulkheads are taken, and expects that no more are, once all is
    /// well again, than calls that are under way can hold.
    pub(crate) fn gives_places_back(mut self, calls: u64) -> Self {
        let scrape =
            |scrape: Scrape, dependency| scrape.series(series("bulkhead_places", dependency));
        let names = DEPENDENCIES.map(|(dependency, _)| dependency);
        let scrape = names.into_iter().fold(Scrape::new("clients", "api:8080"), scrape);
        self.plan = self.plan.scrape(scrape.every(ms(250)));
        for dependency in names {
            let places = gauge(series("bulkhead_places", dependency)).at_most(calls);
            let places = places.in_phase(Phase::After).on_host("api");
            self = self.objective(
                places.named(format!("places that are taken in the bulkhead of {dependency}")),
            );
        }
        self
    }

    /// Runs each dependency on two hosts, `reviews-1` and `reviews-2` and so on, among which the API
    /// balances its calls.
    pub(crate) fn replicated(self) -> Self {
        let upstreams: serde_json::Map<String, serde_json::Value> = DEPENDENCIES
            .iter()
            .map(|&(kind, port)| {
                let urls = replicas(kind).map(|replica| format!("http://{replica}:{port}"));
                (kind.to_owned(), urls.to_vec().into())
            })
            .collect();
        let api = json!({
            "upstreams": upstreams,
            "outlier": { "ejected_ms": 500 },
            "slow_start": { "window_ms": 1000 },
        });
        self.configure("api", &api).plan(|mut plan| {
            let is_dependency = |name: &str| DEPENDENCIES.iter().any(|&(kind, _)| kind == name);
            let hosts = std::mem::take(&mut plan.topology.hosts).into_iter();
            let hosts = hosts.flat_map(|host| {
                let names = if is_dependency(&host.name) {
                    replicas(&host.name).to_vec()
                } else {
                    vec![host.name.clone()]
                };
                names.into_iter().map(move |name| {
                    let mut host = host.clone();
                    host.name = name;
                    host
                })
            });
            plan.topology.hosts = hosts.collect();
            plan.on_processes(Processes::new().refused(COUNTS_OF_CALLS))
        })
    }

    /// Changes the configuration of one host.
    pub(crate) fn configure(mut self, host: &str, changes: &serde_json::Value) -> Self {
        let topology = std::mem::take(&mut self.plan.topology);
        self.plan.topology = topology.patched(host, changes);
        self
    }

    /// Changes what runs.
    pub(crate) fn services(mut self, change: impl FnOnce(Services) -> Services) -> Self {
        self.services = change(self.services);
        self
    }

    /// Changes the plan in a way that the shop has no word for.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// Adds what holds whatever breaks: an answer within 200 ms, in every phase, and never a wrong
    /// one; calls that are bounded in time and number, and end with their request, in the API and
    /// behind it; tasks and sockets of the API as many as before the load.
    pub(crate) fn build(mut self) -> Scenario {
        let bulkhead = self.bulkhead;
        self = self.configure("api", &json!({ "bulkhead": bulkhead }));
        let calls = spans("call").on("api");
        let mut plan = self
            .plan
            .objective(self.in_time)
            .objective(wrong().none())
            .objective(percentile(100.0).at_most(CALL_LONGEST).of_calls(calls).over_the_run())
            .objective(no_span_outlives_its_request(spans("call")).with_grace(NEWS))
            .objective(no_span_outlives_its_request(spans("serve")).with_grace(self.news_behind))
            .objective(returns_to_baseline("tasks").on_host("api"))
            .objective(returns_to_baseline("sockets").on_host("api"))
            .objective(returns_to_baseline("memory_growth_mib"));
        for (dependency, _) in DEPENDENCIES {
            let calls = calls_to(dependency);
            // A call that is refused is there for an instant, beside those that fill the bulkhead.
            plan = plan.objective(concurrency_of(calls).at_most(bulkhead + 1));
        }
        Scenario::new(self.name, self.hypothesis, plan, self.services)
    }
}
