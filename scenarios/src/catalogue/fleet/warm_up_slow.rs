//! The catalog is slow, and so is the warm-up of each new pod.

use serde_json::json;
use squall::{Scenario, objective::sometimes};

use crate::fleet::{deploys, fleet, rollout, secs, v2};

pub(super) fn scenario() -> Scenario {
    fleet("warm-up-slow", "A pod that takes seconds to warm up gets no request before it is warm")
        .configure("catalog", &json!({ "latency": { "kind": "constant", "ms": 150.0 } }))
        .pods(json!({ "warm_up": { "concurrency": 2, "page_size": 20 } }))
        .requests(200.0, secs(34))
        .plan(|plan| plan.boot(secs(12)))
        .operation(rollout(v2(), secs(2)))
        .objective(sometimes(deploys("pod ready").with("revision", "2")).times_at_least(3))
        .completes()
        .build()
}
