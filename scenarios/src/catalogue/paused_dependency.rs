//! A dependency stands still, as in a long garbage collection, and goes on.

use squall::{
    Scenario,
    objective::{availability, recovers, succeeded},
    plan::pause,
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("paused-dependency", "When recommendations pauses for a second, pages come without it")
        .fault(pause("recommendations").from(ms(1_500)).until(ms(2_500)))
        .objective(availability().at_least(0.999))
        // What came while it stood still it reads, and drops, afterwards: after the second of the
        // pause, less the time that the request had. 880 ms at the most with seeds 1 to 5.
        .works_on_for(ms(950))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .build()
}
