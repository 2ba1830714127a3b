//! One of two replicas takes very long now and then, and calls that take long are made again at the
//! other one.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, degraded, p99, retry_amplification, sometimes},
};

use crate::shop::{ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    // Every eighth of its calls takes more than 48 ms, and every fiftieth more than a call may: by
    // itself one in a hundred pages would take 120 ms.
    let latency =
        json!({ "kind": "log-normal", "median_ms": 12.0, "sigma": 1.2, "cap_ms": 1000.0 });
    let cancelled = served_by("reviews").with("outcome", "cancelled").on("reviews-2");
    shop(
        "replica-slow-hedged",
        "When one replica is slow now and then, the other one answers in its place, for a tenth more \
         calls at the most, and what nobody waits for any more is not done",
    )
    .replicated()
    .configure("api", &json!({ "hedge": { "percent": 10.0 } }))
    .configure("reviews-2", &json!({ "latency": latency }))
    .objective(availability().at_least(0.999))
    .objective(degraded().at_most(0.001))
    .objective(p99().at_most(ms(75)))
    // Ten hedges may come at once.
    .objective(retry_amplification(served_by("reviews")).at_most(1.102))
    .objective(sometimes(cancelled).times_at_least(50))
    .build()
}
