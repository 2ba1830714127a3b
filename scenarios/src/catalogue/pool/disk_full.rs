//! The broker's disk is full for a while.

use squall::{
    Scenario,
    objective::{
        Outcome, Phase, accounting, distinct, eventually, failed, p99, requests, succeeded,
    },
    plan::disk_full,
};

use crate::{
    pool::{accepted, no_dead_letters, pool, stored},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-disk-full",
        "While its disk is full the broker turns jobs away at once, and accepts them when there is \
         room again",
    )
    .plan(|mut plan| {
        // Clients that do not try again show what the broker answers.
        plan.loads = plan.loads.into_iter().map(|load| load.retry(1, ms(1))).collect();
        plan
    })
    .fault(disk_full("broker").from(ms(1_000)).until(ms(2_000)))
    .objective(failed().none())
    .objective(p99().at_most(ms(50)))
    .objective(succeeded().at_most(0.5).in_phase(Phase::During))
    .objective(succeeded().at_least(1.0).in_phases([Phase::Baseline, Phase::Recovery]))
    .objective(accounting(requests([Outcome::Succeeded])).equals(distinct("job", accepted())))
    .objective(accounting(distinct("job", accepted())).equals(distinct("job", stored())))
    .objective(eventually(accepted()))
    .objective(no_dead_letters())
    .build()
}
