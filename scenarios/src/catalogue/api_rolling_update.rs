//! The API is deployed under load, while one of its dependencies takes no new connections.

use serde_json::json;
use squall::{
    Scenario,
    objective::{degraded, every, failed, never, p99, shed, spans, wrong},
    plan::{Cluster, Deployment, Latency, Load, Plan, Probe, Processes, refuse, rollout},
};

use crate::{
    fleet::{balancer, deploys, secs},
    shop::{api, dependencies, ms, product_page, services},
};

pub(super) fn scenario() -> Scenario {
    let config = {
        let mut config = api();
        config["warm_up_ms"] = json!(15_000);
        config
    };
    let pods = Deployment::new("api", "aggregation-api", config, 2)
        .max_surge(1)
        .max_unavailable(0)
        .min_ready(secs(1))
        .readiness(Probe::get("/readyz").period(secs(1)).failure_threshold(1))
        .liveness(Probe::get("/healthz").period(secs(2)))
        .pre_stop_sleep(secs(3))
        .progress_deadline(secs(20))
        .pods_max(6)
        .publish_to("lb:9901");
    let cluster = Cluster::new()
        .node("node-a", 4)
        .node("node-b", 4)
        .endpoint_propagation(Latency::Uniform { min: ms(300), max: ms(1_500) })
        .deployment(pods)
        .operation(rollout("api", json!({ "retry_after_s": 2 })).at(secs(2)));
    let topology = dependencies().host("lb", "load-balancer", balancer()).port(8080).port(9901);
    let load = Load::constant("clients", "lb:8080", 200.0).lasts(secs(24)).request(product_page());
    let started = deploys("rollout started").with("revision", "2");
    let complete = deploys("rollout complete").with("revision", "2");
    let plan = Plan::new(topology)
        .cluster(cluster)
        .boot(secs(6))
        .load(load)
        .on_processes(Processes::new().refused(
            "a proxy that refuses connections ends those that are open, and here they must stay",
        ))
        // What is connected stays so: only pods that start meanwhile notice.
        .fault(refuse("pricing").from(secs(2)).until(secs(7)))
        .objective(failed().none())
        .objective(shed().none())
        .objective(wrong().none())
        .objective(degraded().none().named("pages without a section"))
        .objective(
            never(spans("request").with("warm", "false"))
                .named("requests to a pod that is not warm"),
        )
        .objective(p99().at_most(ms(200)))
        .objective(
            every(started, complete)
                .soon(secs(40))
                .named("the second version takes the place of the first"),
        );
    Scenario::new(
        "api-rolling-update",
        "A pod of the API gets requests once it has reached its dependencies, and loses none",
        plan,
        services().with("load-balancer", reference_services::balancer::run),
    )
}
