//! The broker's disk is full, and those who ask whether it is ready want to know.

use squall::{
    Scenario,
    objective::{Phase, failed, failed_otherwise_than, succeeded},
    plan::{Load, disk_full},
};

use crate::{
    pool::{all_done, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let asked =
        Load::constant("operator", "broker:8050", 20.0).lasts(ms(5_000)).warm_up(0).get("/readyz");
    pool(
        "pool-not-ready",
        "A broker whose disk is full is not ready, and is ready again when there is room, though \
         nobody has posted a job meanwhile",
    )
    .plan(|mut plan| {
        // The last ones find out that there is no room.
        plan.loads =
            plan.loads.into_iter().map(|load| load.retry(1, ms(1)).lasts(ms(1_500))).collect();
        plan.load(asked)
    })
    .fault(disk_full("broker").from(ms(1_000)).until(ms(3_000)))
    .objective(failed().none().on_host("clients"))
    .objective(failed_otherwise_than(503).none().on_host("operator"))
    .objective(
        succeeded()
            .at_least(1.0)
            .in_phase(Phase::Baseline)
            .on_route("GET /readyz")
            .named("times that it was ready before"),
    )
    .objective(
        succeeded()
            .at_most(0.5)
            .in_phase(Phase::During)
            .on_route("GET /readyz")
            .named("times that it said to be ready with a full disk"),
    )
    .objective(
        succeeded()
            .at_least(0.45)
            .in_phase(Phase::Recovery)
            .on_route("GET /readyz")
            .named("times that it was ready again"),
    )
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
