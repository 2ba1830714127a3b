//! Somebody hands in another order under an id that is taken.

use squall::{
    Scenario,
    objective::{failed, failed_otherwise_than, succeeded},
    plan::{Arrivals, Load, RequestSpec, crash},
};

use crate::{orders::orders, shop::ms};

pub(super) fn scenario() -> Scenario {
    let order = |quantity: u32| {
        let body = format!(
            r#"{{"id":"first","customer":"c-1","item":1,"quantity":{quantity},"amount_minor":5}}"#
        );
        RequestSpec::new("POST", "/orders")
            .body(body)
            .expect_equal("/id", r#""first""#)
            .expect_error_type("application/problem+json")
    };
    let load = |client: &str, rates: [f64; 2], quantity| {
        Load::new(client, "orders:8090", Arrivals::Steps { rates: rates.into() })
            .lasts(ms(2_000))
            .timeout(ms(2_000))
            .retry(10, ms(100))
            .warm_up(0)
            .request(order(quantity))
    };
    orders(
        "another",
        "Another order with the id of one that was accepted is refused with 409, whether that is being \
         done or is done, also after a crash",
    )
    .plan(|mut plan| {
        plan.topology = plan.topology.client("careless");
        // The first one is there before the others come.
        plan.load(load("operator", [0.0, 0.5 / 0.995], 1).lasts(ms(1_990)))
            .load(load("careless", [0.0, 50.0], 2))
    })
    .fault(crash("orders").from(ms(1_500)).until(ms(1_600)))
    .objective(failed_otherwise_than(409).none().on_host("careless"))
    .objective(
        succeeded()
            .at_most(0.0)
            .over_the_run()
            .on_host("careless")
            .named("orders with the id of another one that were accepted"),
    )
    .objective(failed().none().on_host("operator"))
    .objective(failed().none().on_host("clients"))
    .all_in_books()
    .build()
}
