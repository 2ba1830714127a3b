//! One of two replicas of the critical dependency loses its power.

use squall::{
    Scenario,
    objective::{Phase, availability, recovers, sometimes, succeeded},
    plan::power_loss,
};

use crate::shop::{ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    let share = sometimes(served_by("inventory").on("inventory-2")).times_at_least(500);
    shop(
        "replica-lost",
        "When one replica of the inventory loses its power, the other one has all of the calls, and few \
         requests fail; when it is back, it has its share",
    )
    .replicated()
    .fault(power_loss("inventory-2").from(ms(1_500)).until(ms(3_000)))
    .objective(availability().at_least(0.99).in_phase(Phase::During))
    .objective(availability().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
    .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_000)))
    .objective(share.in_phase(Phase::After).named("calls to a replica that is back"))
    .build()
}
