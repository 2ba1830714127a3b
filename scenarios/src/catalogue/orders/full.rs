//! More orders than may be open.

use serde_json::json;
use squall::{
    Scenario,
    objective::{failed, gauge, p99, shed},
    plan::{Arrivals, Processes},
};

use crate::{
    orders::{OPEN, PARTY_NAMES, orders},
    shop::ms,
};

const OPEN_MAX: u64 = 30;

pub(super) fn scenario() -> Scenario {
    orders(
        "full",
        "Orders beyond those that may be open are turned away at once, and leave no trace in any book",
    )
    .arrivals(Arrivals::Poisson { rate: 500.0 }, ms(1_500))
    .configure(&["orders"], &json!({ "open_max": OPEN_MAX }))
    .configure(&PARTY_NAMES, &json!({ "latency": { "kind": "constant", "ms": 50.0 } }))
    .plan(|mut plan| {
        // Clients that do not try again show what is answered.
        plan.loads = plan.loads.into_iter().map(|load| load.retry(1, ms(1))).collect();
        plan.on_processes(Processes::new().slack(ms(50)))
    })
    .objective(failed().none())
    .objective(shed().at_least(0.3).over_the_run())
    .objective(p99().at_most(ms(50)))
    .objective(gauge(OPEN).at_most(OPEN_MAX).on_host("orders"))
    .all_in_books()
    .all_completed()
    .build()
}
