//! The client whose request carries the probe of a breaker goes away before it has its answer.

use squall::{
    Scenario,
    objective::{availability, eventually, sometimes},
    plan::{disconnect, latency},
};

use crate::shop::{breaker, ms, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "half-open-disconnect",
        "A breaker whose probe is dropped with its client sends another one, and closes in the end",
    )
    .fault(latency("reviews", ms(400)).from(ms(1_500)).until(ms(3_500)))
    .fault(disconnect(0.9, ms(6)).from(ms(1_500)).until(ms(3_500)))
    // What cancels a call waits in its turn for the window, which takes round trips
    // of 400 ms to open.
    .works_on_for(ms(900))
    .objective(availability().at_least(0.999))
    .objective(sometimes(breaker("reviews", "open", "half-open")))
    .objective(
        eventually(breaker("reviews", "half-open", "closed"))
            .soon(ms(1_000))
            .named("the breaker closes again"),
    )
    .build()
}
