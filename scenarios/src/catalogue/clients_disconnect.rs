//! Clients go away before they have their answer.

use squall::{
    Scenario,
    objective::{availability, sometimes, spans},
    plan::{disconnect, latency},
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("clients-disconnect", "The calls made for a client that has gone away end with it")
        .fault(disconnect(0.3, ms(6)).from(ms(1_500)).until(ms(3_500)))
        .fault(latency("inventory", ms(60)).from(ms(1_500)).until(ms(3_500)))
        // With the round trip the window of the connection is too small at first: what cancels a
        // call waits for a round trip behind what is under way.
        .works_on_for(ms(65))
        .objective(availability().at_least(0.999))
        .objective(sometimes(spans("call").with("outcome", "cancelled")))
        .build()
}
