//! A pod is taken out of the endpoints and goes on running.

use serde_json::json;
use squall::{
    Scenario,
    objective::{failed, returns_to_baseline, sometimes},
};

use crate::balanced::{PODS, balanced, work_of};

pub(super) fn scenario() -> Scenario {
    let [a, b, c] = PODS.map(|pod| format!("{pod}:8080"));
    let group = json!({ "name": "pods", "weight": 1, "endpoints": [a, b] });
    let operator = json!({
        "target": "lb:9901",
        "steps": [
            { "at_ms": 3_000, "endpoints": [a, b, c] },
            { "at_ms": 6_000, "endpoints": [a, b] },
        ],
    });
    let kept = returns_to_baseline("sockets").on_host("pod-c");
    balanced("forgets", "Connections to a pod that was taken out are closed")
        .configure("lb", &json!({ "endpoints": { "groups": [group] } }))
        .plan(|mut plan| {
            plan.topology = plan.topology.host("operator", "operator", operator);
            plan
        })
        .objective(failed().none())
        .objective(sometimes(work_of("pod-c")).times_at_least(200))
        .objective(kept.named("connections that a pod keeps after it was taken out"))
        .build()
}
