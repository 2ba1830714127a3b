//! Both replicas of a dependency are slow, so that every call takes long enough to be hedged.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, degraded, retry_amplification},
};

use crate::shop::{served_by, shop};

pub(super) fn scenario() -> Scenario {
    let slow = json!({ "latency": { "kind": "constant", "ms": 80.0 } });
    shop(
        "replicas-slow",
        "When both replicas are slow, hedges do not add to what they have to do: a tenth more calls at \
         the most",
    )
    .replicated()
    .configure("api", &json!({ "hedge": { "percent": 10.0, "delay_ms": 30 } }))
    .configure("reviews-1", &slow)
    .configure("reviews-2", &slow)
    .objective(availability().at_least(0.999))
    .objective(degraded().at_most(0.001))
    // Of six thousand, and ten that may come at once.
    .objective(
        retry_amplification(served_by("reviews")).at_most(1.102).named("calls that hedges add"),
    )
    .build()
}
