//! The back takes requests and never answers them; what the front does by itself does not need it.

use serde_json::json;
use squall::{
    Scenario,
    objective::{Phase, availability, p99, recovers, shed, succeeded},
    plan::{Processes, hang},
};

use crate::{chain::chain, shop::ms};

pub(super) fn scenario() -> Scenario {
    let (work, local, health) = ("GET /work/{id}", "GET /local", "GET /readyz");
    chain(
        "back-hangs",
        "When the back hangs, the front goes on with what it does by itself, and is ready",
    )
    // All of the requests that wait for the back for 800 ms are 320.
    .configure("front", &json!({ "try_timeout_ms": 850, "in_flight_max": 200, "calls_max": 100 }))
    .configure("middle", &json!({ "try_timeout_ms": 800 }))
    .fault(hang("back").from(ms(1_500)).until(ms(4_000)))
    .objective(
        availability()
            .at_least(1.0)
            .on_route(local)
            .named("answers of the front that need nobody else"),
    )
    .objective(availability().at_least(1.0).on_route(health))
    .objective(p99().at_most(ms(20)).on_route(local))
    .objective(shed().at_least(0.1).on_route(work).in_phase(Phase::During))
    .objective(
        recovers(succeeded().at_least(0.99).on_route(work)).holding_for(ms(500)).within(ms(1_500)),
    )
    .plan(|plan| plan.recovery(ms(1_500)).on_processes(Processes::new().slack(ms(40))))
    .build()
}
