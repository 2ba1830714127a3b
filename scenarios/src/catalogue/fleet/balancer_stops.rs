//! The load balancer is asked to stop in the middle of its work, and started again.

use squall::{
    Scenario,
    objective::{Phase, availability, every, logs, never, succeeded},
    plan::{RequestSpec, restart},
};

use crate::{balanced::balanced, fleet::secs, shop::ms};

pub(super) fn scenario() -> Scenario {
    // Each takes a second, and the last ones have just begun.
    let slow = RequestSpec::get("/work/slow");
    let route = slow.route.clone();
    let cut_off = never(logs("cut off what did not end in time").on("lb"));
    let stops = every(logs("draining").on("lb"), logs("stopped").on("lb")).soon(secs(2));
    balanced("stops", "A load balancer that stops finishes what it has begun, and closes the rest")
        .requests(slow, 20.0, ms(3_990))
        .configure("lb", &serde_json::json!({ "per_try_timeout_ms": 2_000, "drain_ms": 4_000 }))
        .fault(restart("lb", secs(6)).from(secs(4)).until(secs(7)))
        .objective(succeeded().at_least(1.0).over_the_run().on_route(route))
        .objective(stops.named("a stop that waits for nothing but what is in flight"))
        .objective(cut_off.named("requests that a stop cut off"))
        .objective(availability().at_least(1.0).in_phases([Phase::Baseline, Phase::After]))
        .build()
}
