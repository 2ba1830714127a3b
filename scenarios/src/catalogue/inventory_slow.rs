//! The critical dependency is slower, but not slower than a call may take.

use squall::{
    Scenario,
    objective::{availability, succeeded},
    plan::latency,
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("inventory-slow", "When every dependency is somewhat slow, pages are still complete")
        // With 80 ms it is too much: a call has 150 ms, and in the first round trips it waits for the
        // window of its connection as well, which was large enough before.
        .works_on_for(ms(70))
        .fault(latency("inventory", ms(60)).from(ms(1_500)).until(ms(3_500)))
        .fault(latency("reviews", ms(60)).from(ms(1_500)).until(ms(3_500)))
        .objective(availability().at_least(0.999))
        .objective(succeeded().at_least(0.99))
        .build()
}
