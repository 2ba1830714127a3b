//! The critical dependency starts and crashes, again and again.

use squall::{
    Scenario,
    objective::{Phase, availability, recovers},
    plan::crash_loop,
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("inventory-crash-loop", "When inventory crashes again and again, no request waits for it")
        .fault(crash_loop("inventory", ms(400), ms(300)).from(ms(1_500)).until(ms(3_600)))
        .objective(availability().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
        .objective(availability().at_least(0.1).in_phase(Phase::During))
        .objective(recovers(availability().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .build()
}
