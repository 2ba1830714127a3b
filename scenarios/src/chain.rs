//! The chain: a front that asks a middle that asks a back, and clients of the front. Overload travels
//! along it, so what is asked of the back is counted at the back.

use reference_services::relay;
use serde_json::{Value, json};
use squall::{
    Scenario, Services,
    objective::{Matching, Objective, spans, wrong},
    plan::{Fault, Load, Plan, RequestSpec, Topology},
};

use crate::{shop::ms, witness::with_witnesses};

/// Requests a second for the work of all three; the back can do 1,000.
const RATE: f64 = 400.0;

/// Requests a second for what the front does by itself, and for its health.
const LOCAL_RATE: f64 = 50.0;

/// A request that has reached a service of the chain.
pub(crate) fn reached(host: &str) -> Matching {
    spans("hop").on(host)
}

/// A scenario on the chain, under construction.
pub(crate) struct Chain {
    name: String,
    hypothesis: String,
    plan: Plan,
}

/// A scenario on the chain: 400 requests a second for the work of all three and 50 for what the front
/// does by itself and for its health, for eight seconds. Front and middle have three tries each, so that a request may
/// become nine calls to the back, which works on 512 at once at the most, for 4 ms on one of its four
/// cores.
pub(crate) fn chain(name: &str, hypothesis: &str) -> Chain {
    let front = json!({
        "name": "front", "listen": "0.0.0.0:8080", "next": "http://middle:8080",
        "request_timeout_ms": 900, "try_timeout_ms": 300,
    });
    let middle = json!({
        "name": "middle", "listen": "0.0.0.0:8080", "next": "http://back:8080",
        "request_timeout_ms": 900, "try_timeout_ms": 100,
    });
    let back = json!({
        "name": "back", "listen": "0.0.0.0:8080", "in_flight_max": 512, "cpu_us": 4_000,
    });
    let topology = Topology::new()
        .host("front", "relay", front)
        .port(8080)
        .host("middle", "relay", middle)
        .port(8080)
        .host("back", "relay", back)
        .port(8080)
        .client("clients");
    let work = RequestSpec::get("/work/{id}")
        .expect_equal("/id", "{id}")
        .expect_equal("/by", r#"["front","middle","back"]"#)
        .expect_error_type("application/problem+json");
    let local = RequestSpec::get("/local").expect_equal("/by", r#"["front"]"#);
    let load = |rate| Load::constant("clients", "front:8080", rate).lasts(ms(8_000));
    let plan = Plan::new(topology)
        .load(load(RATE).request(work))
        .load(load(LOCAL_RATE).request(local).request(RequestSpec::get("/readyz")));
    Chain { name: format!("chain-{name}"), hypothesis: hypothesis.to_owned(), plan }
}

impl Chain {
    /// Changes the configuration of a host.
    pub(crate) fn configure(self, host: &str, changes: &Value) -> Self {
        self.plan(|mut plan| {
            plan.topology = std::mem::take(&mut plan.topology).patched(host, changes);
            plan
        })
    }

    /// Adds a fault.
    pub(crate) fn fault(self, fault: Fault) -> Self {
        self.plan(|plan| plan.fault(fault))
    }

    /// Adds an objective.
    pub(crate) fn objective(self, objective: Objective) -> Self {
        self.plan(|plan| plan.objective(objective))
    }

    /// Changes the plan in a way that there is no word for here.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// The scenario. Whatever breaks, no answer is wrong.
    pub(crate) fn build(self) -> Scenario {
        let plan = self.plan.objective(wrong().none());
        let services = with_witnesses(Services::new().with("relay", relay::run));
        Scenario::new(self.name, self.hypothesis, plan, services)
    }
}
