//! The circuit breaker of a dependency goes through its states.

use squall::{
    Scenario,
    objective::{Phase, at_most_between, availability, p99, sequence},
    plan::error_code,
};

use crate::shop::{breaker, ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "breaker",
        "The breaker opens on a failing dependency, sends one probe at a time, and closes",
    )
    .fault(error_code("reviews", 503).from(ms(1_500)).until(ms(3_200)))
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
    .objective(p99().at_most_times_baseline(1.5).in_phase(Phase::During))
    .build()
}
