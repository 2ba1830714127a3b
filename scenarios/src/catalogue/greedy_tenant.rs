//! One tenant asks for far more than it may have.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, failed_otherwise_than, p99, succeeded},
    plan::{Arrivals, Load, Processes},
};

use crate::shop::{ms, product_page, shop};

/// Requests a second that each tenant may have.
const RATE: f64 = 100.0;

pub(super) fn scenario() -> Scenario {
    let greedy = Load::poisson("greedy", "api:8080", 4.0 * RATE)
        .lasts(ms(6_000))
        .warm_up(0)
        .request(product_page().header("x-tenant", "greedy"));
    shop(
        "greedy-tenant",
        "A tenant that asks for four times what it may have gets what it may have, and takes nothing \
         from the others",
    )
    .configure("api", &json!({ "tenants": { "rate": RATE, "burst": 20, "places_percent": 25 } }))
    .plan(|mut plan| {
        plan.topology = plan.topology.client("greedy");
        for load in &mut plan.loads {
            load.arrivals = Arrivals::Constant { rate: 0.8 * RATE };
            load.mix = vec![product_page().header("x-tenant", "modest")];
        }
        // As many there as here, since the limit is what it is.
        plan.load(greedy).on_processes(Processes::new().slack(ms(40)))
    })
    .objective(
        availability()
            .at_least(1.0)
            .on_host("clients")
            .named("answers for a tenant that keeps to its share"),
    )
    .objective(p99().at_most(ms(50)).on_host("clients"))
    .objective(failed_otherwise_than(429).none().on_host("greedy"))
    // A quarter, and its burst.
    .objective(succeeded().at_least(0.24).over_the_run().on_host("greedy"))
    .objective(succeeded().at_most(0.28).over_the_run().on_host("greedy"))
    .build()
}
