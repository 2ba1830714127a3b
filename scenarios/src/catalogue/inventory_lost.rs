//! The critical dependency has lost its power: nothing answers, not even with a reset.

use squall::{
    Scenario,
    objective::{Phase, availability, failed_otherwise_than, failures, recovers, shed, succeeded},
    plan::{Arrivals, power_loss},
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("inventory-lost", "When inventory is lost, the error is correct and fast, and soon over")
        .fault(power_loss("inventory").from(ms(1_500)).until(ms(3_500)))
        .objective(availability().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
        .objective(succeeded().at_most(0.1).in_phase(Phase::During))
        .objective(shed().none())
        .objective(failed_otherwise_than(503).none())
        .objective(failures().p99_at_most(ms(200)))
        .objective(failures().percentile_at_most(50.0, ms(5)).in_phase(Phase::During))
        .objective(recovers(availability().at_least(0.999)).holding_for(ms(500)).within(ms(2_000)))
        .plan(|plan| plan.recovery(ms(2_000)))
        .arrivals(Arrivals::Constant { rate: 1_000.0 }, ms(7_000))
        .build()
}
