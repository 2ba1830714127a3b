//! The critical dependency takes calls and never answers.

use squall::{
    Scenario,
    objective::{Phase, availability, failed_otherwise_than, failures, recovers, sometimes},
    plan::hang,
};

use crate::shop::{breaker, ms, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "inventory-hung",
        "When inventory hangs, requests fail within their deadline, then at once",
    )
    .fault(hang("inventory").from(ms(1_500)).until(ms(3_500)))
    .objective(availability().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
    .objective(failed_otherwise_than(503).none())
    .objective(failures().percentile_at_most(50.0, ms(20)).in_phase(Phase::During))
    .objective(sometimes(breaker("inventory", "closed", "open")))
    .objective(recovers(availability().at_least(0.999)).holding_for(ms(500)).within(ms(1_000)))
    .build()
}
