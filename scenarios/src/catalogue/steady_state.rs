//! Nothing is broken, and the load is what the API is made for.

use squall::{
    Scenario,
    objective::{availability, error_budget, gauge, goodput, p50, succeeded},
    plan::{Arrivals, Processes},
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "steady-state",
        "With nothing broken, 5,000 requests a second are answered completely and in time",
    )
    .arrivals(Arrivals::Poisson { rate: 5_000.0 }, ms(4_000))
    // Calls one after the other take 30 ms more than at once, and a connection for each call costs a
    // machine ten times the processor time.
    .plan(|plan| plan.on_processes(Processes::new().rate_factor(0.1).slack(ms(12))))
    .objective(succeeded().at_least(0.999))
    .objective(goodput().within(ms(200)).at_least(0.999))
    .objective(error_budget(0.999).spent_at_most(0.5))
    .objective(p50().at_most(ms(30)))
    .objective(gauge("connections_opened").at_most(20).on_host("api"))
    .objective(availability().at_least(0.999).to_dependency("inventory"))
    .objective(availability().at_least(0.99).to_dependency("pricing"))
    .objective(availability().at_least(0.99).to_dependency("reviews"))
    .objective(availability().at_least(0.99).to_dependency("recommendations"))
    .build()
}
