//! The load balancer by itself, before three pods that do next to nothing but log what reaches
//! them: what it sends where is seen by those it is sent to.

use std::time::Duration;

use reference_services::balancer;
use serde_json::{Value, json};
use squall::{
    Scenario, Services,
    objective::{Matching, Objective, logs},
    plan::{Fault, Load, Plan, RequestSpec, Topology},
};

use crate::{fleet::secs, witness::with_witnesses};

/// The pods.
pub(crate) const PODS: [&str; 3] = ["pod-a", "pod-b", "pod-c"];

/// How many requests there are a second.
pub(crate) const RATE: f64 = 300.0;

/// A request that reached a pod.
pub(crate) fn work_of(pod: &str) -> Matching {
    logs("work taken").on(pod)
}

/// A scenario on the load balancer, under construction.
pub(crate) struct Balanced {
    name: String,
    hypothesis: String,
    plan: Plan,
}

/// A scenario on the load balancer: 300 requests a second at random for ten seconds, to pods that
/// take 5 ms for each.
pub(crate) fn balanced(name: &str, hypothesis: &str) -> Balanced {
    let endpoints: Vec<String> = PODS.map(|pod| format!("{pod}:8080")).into();
    let group = json!({ "name": "pods", "weight": 1, "endpoints": endpoints });
    let lb = json!({
        "listen": "0.0.0.0:8080",
        "admin": "0.0.0.0:9901",
        "endpoints": { "groups": [group] },
        "connect_timeout_ms": 100,
        "per_try_timeout_ms": 500,
        "retry": { "attempts_max": 3, "on_500": true },
        "outlier": { "ejected_ms": 500 },
    });
    let topology = Topology::new().host("lb", "load-balancer", lb).port(8080).port(9901);
    let pod = json!({ "listen": "0.0.0.0:8080", "takes_ms": 5 });
    let topology =
        PODS.iter().fold(topology, |all, name| all.host(*name, "pod", pod.clone()).port(8080));
    let load = Load::poisson("clients", "lb:8080", RATE)
        .lasts(secs(10))
        .timeout(secs(3))
        .request(RequestSpec::get("/work/{id}"));
    let plan = Plan::new(topology.client("clients")).load(load);
    Balanced { name: format!("balancer-{name}"), hypothesis: hypothesis.to_owned(), plan }
}

impl Balanced {
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

    /// Adds requests besides those for work, so many a second for so long.
    pub(crate) fn requests(self, request: RequestSpec, rate: f64, lasts: Duration) -> Self {
        let load = Load::constant("clients", "lb:8080", rate).lasts(lasts).timeout(secs(3));
        self.plan(|plan| plan.load(load.request(request)))
    }

    /// Changes the plan in a way that there is no word for here.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// The scenario.
    pub(crate) fn build(self) -> Scenario {
        let services = with_witnesses(Services::new().with("load-balancer", balancer::run));
        Scenario::new(self.name, self.hypothesis, self.plan, services)
    }
}
