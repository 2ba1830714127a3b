//! One of two replicas answers every third call with an error, at random: not so often that a row of
//! failures would tell, and it says that it is well.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, degraded, never, sometimes},
};

use crate::shop::{breaker, served_by, shop};

pub(super) fn scenario() -> Scenario {
    let failing = json!({ "fail_fraction": 0.33, "fail_code": "internal" });
    let sent = sometimes(served_by("recommendations").on("recommendations-2"));
    shop(
        "replica-fails",
        "A replica that answers many calls with errors is left out, for longer each time, long before \
         the breaker opens",
    )
    .replicated()
    .configure("api", &json!({ "outlier": { "failure_percent": 20, "ejected_ms": 1000 } }))
    .configure("recommendations-2", &failing)
    .objective(availability().at_least(0.999))
    .objective(degraded().over_the_run().at_most(0.01))
    // Some of each time that it is let in again.
    .objective(sent.times_at_least(20).times_at_most(200).named("calls to a replica that fails"))
    .objective(never(breaker("recommendations", "closed", "open")))
    .build()
}
