//! One of two replicas is started again, and begins with cold caches: it can do little at first.

use serde_json::json;
use squall::{
    Scenario,
    objective::{Phase, availability, degraded, sometimes},
    plan::restart,
};

use crate::shop::{calls_to, ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    // What is beyond is refused at once, which makes it look idle to who counts calls in flight.
    let cold = json!({
        "concurrency": 64,
        "queue_max": 0,
        "warm_up": { "concurrency": 4, "answers": 2_000 },
    });
    let share = sometimes(served_by("reviews").with("outcome", "ok").on("reviews-2"));
    shop(
        "replica-restarts",
        "A replica that is started again gets few calls at first, as many as it can answer, and its \
         share once it is warm",
    )
    .replicated()
    .configure("api", &json!({ "slow_start": { "window_ms": 3_000 } }))
    .configure("reviews-2", &cold)
    // Enough for both to be warm when the load begins, one request after the other.
    .plan(|mut plan| {
        for load in &mut plan.loads {
            load.warm_up = 900;
        }
        plan.boot(ms(40_000))
    })
    .fault(restart("reviews-2", ms(500)).from(ms(1_500)).until(ms(2_000)))
    .objective(availability().at_least(0.999))
    .objective(
        degraded()
            .at_most(0.02)
            .named("pages without what a cold replica had no room for"),
    )
    .objective(
        sometimes(calls_to("reviews").with("outcome", "error"))
            .times_at_most(25)
            .named("calls that a cold replica had no room for"),
    )
    .objective(
        share
            .times_at_least(500)
            .in_phase(Phase::After)
            .named("calls to a replica that is warm again"),
    )
    .build()
}
