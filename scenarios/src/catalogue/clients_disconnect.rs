//! Clients go away before they have their answer.

use squall::{
    Scenario,
    objective::{availability, sometimes, spans},
    plan::{Processes, disconnect, latency},
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("clients-disconnect", "The calls made for a client that has gone away end with it")
        .fault(disconnect(0.3, ms(6)).from(ms(1_500)).until(ms(3_500)))
        .fault(latency("inventory", ms(10)).from(ms(1_500)).until(ms(3_500)))
        // The calls take long enough to be given up, and what gives them up is not so late that the
        // work is done by then, which would hide a dependency that works for nobody. At first it
        // waits for a round trip behind what is under way, for the window.
        .works_on_for(ms(15))
        // Whoever works for nobody is done some 30 ms after its client has gone.
        .plan(|plan| plan.on_processes(Processes::new().rate_factor(0.2).slack(ms(8))))
        .objective(availability().at_least(0.999))
        .objective(sometimes(spans("call").with("outcome", "cancelled")))
        .build()
}
