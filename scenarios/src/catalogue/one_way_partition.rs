//! What a dependency is sent arrives; what it answers does not.

use squall::{
    Scenario,
    objective::{availability, recovers, retry_amplification, succeeded},
    plan::{Arrivals, partition_one_way},
};

use crate::shop::{ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    shop("one-way-partition", "When answers of pricing are lost on the way, pages come without it")
        .fault(partition_one_way("pricing", "api").from(ms(1_500)).until(ms(3_500)))
        // Without acknowledgements the window is soon full: what cancels a call
        // comes with a retransmission after the heal, which has backed off by then.
        .works_on_for(ms(4_000))
        .objective(availability().at_least(0.999))
        .objective(retry_amplification(served_by("pricing")).at_most(1.1))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(2_000)))
        .plan(|plan| plan.recovery(ms(2_000)))
        .arrivals(Arrivals::Constant { rate: 1_000.0 }, ms(7_000))
        .build()
}
