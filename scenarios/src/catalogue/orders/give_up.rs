//! One who takes part is out of reach for longer than anybody waits for it.

use serde_json::json;
use squall::{
    Scenario,
    objective::{eventually, logs, sometimes, succeeded},
    plan::{Arrivals, partition},
};

use crate::{
    orders::{audited, notified, orders, refunded},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let cancelled = || notified().with("kind", "cancelled");
    orders(
        "give-up",
        "An order that cannot be done in time is undone, also by one who may have done their part or may \
         yet: what comes after that is refused",
    )
    .arrivals(Arrivals::Poisson { rate: 50.0 }, ms(4_000))
    .configure(&["orders"], &json!({ "give_up_after_ms": 2_000 }))
    .fault(partition("orders", "shipping").from(ms(500)).until(ms(6_000)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(audited().with("effects", "all")))
    .objective(sometimes(refunded()).times_at_least(20))
    .objective(sometimes(logs("undone before it was done").on("shipping")).times_at_least(20))
    // Nobody gives up undoing.
    .objective(eventually(cancelled()).soon(ms(3_000)))
    .all_in_books()
    .build()
}
