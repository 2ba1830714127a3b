//! Answers that take long, and connections that are mostly idle, while pods go.

use serde_json::json;
use squall::{
    Scenario,
    objective::succeeded,
    plan::{Load, RequestSpec},
};

use crate::fleet::{fleet, rollout, secs, v2};

pub(super) fn scenario() -> Scenario {
    // Each takes seven seconds and a half.
    let exports = RequestSpec::get("/export?items=300");
    let route = exports.route.clone();
    let exports = Load::constant("clients", "lb:8080", 4.0)
        .lasts(secs(20))
        .timeout(secs(20))
        .request(exports);
    fleet("long-lived", "Pods that go finish what they have begun, and close what is idle in order")
        .pods(json!({ "export_pause_ms": 25 }))
        .requests(20.0, secs(22))
        .plan(|plan| plan.load(exports))
        .operation(rollout(v2(), secs(2)))
        .objective(
            succeeded().at_least(1.0).on_route(route).named("exports that come to their end"),
        )
        .completes()
        .build()
}
