//! One of two replicas takes calls and never answers them.

use squall::{
    Scenario,
    objective::{Phase, availability, degraded, recovers, sometimes, succeeded},
    plan::hang,
};

use crate::shop::{ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    let share = sometimes(served_by("pricing").on("pricing-2")).times_at_least(500);
    shop(
        "replica-hung",
        "When one replica of pricing hangs, the other one has all of the calls, and few pages come \
         without a price; when it is well again, it has its share",
    )
    .replicated()
    .fault(hang("pricing-2").from(ms(1_500)).until(ms(3_500)))
    .objective(availability().at_least(0.999))
    // Those under way when it hung, and no later ones.
    .objective(
        degraded()
            .at_most(0.015)
            .in_phase(Phase::During)
            .named("pages without sections of pricing"),
    )
    .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_000)))
    .objective(share.in_phase(Phase::After).named("calls to a replica that is well again"))
    .build()
}
