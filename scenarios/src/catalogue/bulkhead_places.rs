//! Calls end in every way but the good one: with their client, at their deadline, with an error.

use squall::{
    Scenario,
    objective::{availability, recovers, succeeded},
    plan::{disconnect, fail_fraction, latency},
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("bulkhead-places", "However a call ends, its place in the bulkhead is free for the next")
        .fault(disconnect(0.3, ms(6)).from(ms(1_500)).until(ms(3_500)))
        .fault(fail_fraction("pricing", 0.3, 500).from(ms(1_500)).until(ms(3_500)))
        .fault(latency("reviews", ms(400)).from(ms(1_500)).until(ms(3_500)))
        // What cancels a call waits in its turn for the window, which takes round trips
        // of 400 ms to open.
        .works_on_for(ms(900))
        .objective(availability().at_least(0.999))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .gives_places_back(60)
        .build()
}
