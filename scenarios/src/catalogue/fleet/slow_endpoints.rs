//! Load balancers hear of a change late: later than some pods wait for.

use serde_json::json;
use squall::{
    Scenario,
    objective::failed,
    plan::{Latency, Load, rollout},
};

use crate::{
    fleet::{balancer, deployment, fleet, items, pod, secs, v2},
    shop::ms,
};

/// How long it takes until a load balancer hears of a change.
const PROPAGATION_MS: u64 = 3_000;

/// Pre-stop delays around it: the smallest one that is safe lies between the last two.
const DELAYS_MS: [u64; 3] = [1_000, PROPAGATION_MS - 100, PROPAGATION_MS + 100];

pub(super) fn scenario() -> Scenario {
    let mut fleet = fleet(
        "slow-endpoints",
        "Requests are lost exactly if the pre-stop delay is shorter than endpoints take to spread",
    )
    .lossy()
    .plan(|mut plan| {
        plan.loads.clear();
        plan.topology.hosts.retain(|host| host.name != "lb");
        // Endpoints take their time at first as well.
        plan.boot(secs(8))
    })
    .cluster(|mut cluster| {
        cluster.deployments.clear();
        cluster.endpoint_propagation(Latency::constant(ms(PROPAGATION_MS)))
    });
    for delay_ms in DELAYS_MS {
        let (name, lb) = (format!("waits-{delay_ms}"), format!("lb-{delay_ms}"));
        let route = format!("GET /items/{{id}} of {name}");
        let lost = format!("requests lost with a pre-stop delay of {delay_ms} ms");
        let losses = if delay_ms < PROPAGATION_MS {
            failed().at_least(0.001).on_route(&route)
        } else {
            failed().none().on_route(&route)
        };
        fleet = fleet
            .plan(|mut plan| {
                let mut items = items();
                items.route = route;
                let load = Load::constant("clients", &format!("{lb}:8080"), 200.0);
                // It leaves nobody out, or it would hide most of what is lost.
                let mut config = balancer();
                config["outlier"] = json!({ "failures": u32::MAX });
                plan.topology =
                    plan.topology.host(&lb, "load-balancer", config).port(8080).port(9901);
                plan.load(load.lasts(secs(24)).request(items))
            })
            .cluster(|cluster| {
                let deployment = deployment(&name, &lb, pod());
                cluster.deployment(deployment)
            })
            .pods_of(&name, json!({ "prestop_delay_ms": delay_ms }))
            .operation(rollout(&name, v2()).at(secs(2)))
            .objective(losses.named(lost));
    }
    fleet.build()
}
