//! The critical dependency has crashed and refuses connections.

use squall::{
    Scenario,
    objective::{Phase, availability, failed_otherwise_than, failures, recovers},
    plan::crash,
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("inventory-down", "When inventory is down, requests fail at once, and recover with it")
        .fault(crash("inventory").from(ms(1_500)).until(ms(3_500)))
        .objective(availability().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
        .objective(failed_otherwise_than(503).none())
        .objective(failures().p99_at_most(ms(50)))
        .objective(recovers(availability().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .build()
}
