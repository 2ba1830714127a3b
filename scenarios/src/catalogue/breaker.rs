//! The circuit breaker of a dependency goes through its states.

use squall::{
    Scenario,
    objective::{Outcome, at_most_between, availability, percentile, sequence, spans},
    plan::latency,
};

use crate::shop::{breaker, ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "breaker",
        "The breaker opens on a dependency that is too slow, sends one probe at a time, and closes",
    )
    .fault(latency("reviews", ms(400)).from(ms(1_500)).until(ms(3_200)))
    // What cancels a call waits in its turn for the window, which a round trip of 400 ms opens.
    .works_on_for(ms(450))
    .objective(availability().at_least(0.999))
    .objective(sequence([
        breaker("reviews", "closed", "open"),
        breaker("reviews", "open", "half-open"),
        breaker("reviews", "half-open", "open"),
        breaker("reviews", "open", "half-open"),
        breaker("reviews", "half-open", "closed"),
    ]))
    .objective(
        at_most_between(1, served_by("reviews"))
            .of(breaker("reviews", "open", "half-open"), breaker("reviews", "half-open", "*")),
    )
    .objective(
        percentile(100.0)
            .at_most(ms(1))
            .of_calls(spans("call").with("dependency", "reviews").with("outcome", "rejected"))
            .with_outcomes([Outcome::Shed])
            .over_the_run(),
    )
    .build()
}
