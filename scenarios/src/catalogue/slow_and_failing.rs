//! A dependency is slow, and fails as well.

use squall::{
    Scenario,
    objective::{Phase, recovers, retry_amplification, succeeded, useful},
    plan::{Processes, fail_fraction, latency},
};

use crate::shop::{calls_to, ms, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "slow-and-failing",
        "When inventory and pricing are slow and fail as well, pages come in time, and useful",
    )
    // That a call is cancelled is known behind what its connection has under way.
    .works_on_for(ms(60))
    // With fewer calls the retry budget that is there at the beginning is a larger part of them.
    .plan(|plan| plan.on_processes(Processes::new().rate_factor(0.5).slack(ms(40))))
    .fault(latency("inventory", ms(40)).from(ms(1_500)).until(ms(3_500)))
    .fault(fail_fraction("inventory", 0.05, 503).from(ms(1_500)).until(ms(3_500)))
    .fault(latency("pricing", ms(60)).from(ms(1_500)).until(ms(3_500)))
    .fault(fail_fraction("pricing", 0.3, 503).from(ms(1_500)).until(ms(3_500)))
    .objective(useful().at_least(0.99))
    .objective(useful().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
    .objective(retry_amplification(calls_to("pricing")).at_most(1.1))
    .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
    .build()
}
