//! Pods are asked for everything at the moment at which they say that they are ready.

use serde_json::json;
use squall::{
    Scenario,
    objective::{logs, never},
};

use crate::fleet::{fleet, rollout, secs, v2};

pub(super) fn scenario() -> Scenario {
    let one_by_one = never(logs("item fetched by itself").on("catalog"));
    fleet("ready-when-warm", "A pod that is ready lacks nothing")
        .pods_asked_when_ready(200, 3)
        .configure("catalog", &json!({ "latency": { "kind": "constant", "ms": 150.0 } }))
        .pods(json!({ "warm_up": { "concurrency": 1, "page_size": 10 } }))
        .requests(50.0, secs(36))
        .plan(|plan| plan.boot(secs(10)))
        .operation(rollout(v2(), secs(2)))
        .objective(one_by_one.named("items that were fetched for a request"))
        .completes()
        .build()
}
