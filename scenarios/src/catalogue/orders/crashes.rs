//! The process of the orders dies, again and again, at random instants, once while nobody takes its
//! events either.

use serde_json::json;
use squall::{
    Scenario,
    objective::{sometimes, succeeded},
    plan::crash,
};

use crate::{
    orders::{PARTY_NAMES, asked_again, orders},
    shop::ms,
};

/// How often it dies.
const CRASHES: u64 = 6;

pub(super) fn scenario() -> Scenario {
    let orders = orders(
        "crashes",
        "A crash at any instant leaves no order half done and no customer untold: what was under way is \
         taken up again, and done once",
    )
    // There are always some steps under way, and some that are done and not written down.
    .configure(
        &PARTY_NAMES,
        &json!({ "latency": { "kind": "uniform", "min_ms": 20.0, "max_ms": 60.0 } }),
    )
    .slow_sync("orders", ms(10))
    .fault(crash("notifications").from(ms(1_000)).until(ms(1_700)));
    (0..CRASHES)
        .map(|nth| ms(200 + nth * 480))
        .fold(orders, |orders, at| {
            orders.fault(crash("orders").from(at).spread(ms(200)).lasting(ms(100)))
        })
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(sometimes(asked_again("payments")))
        .all_in_books()
        // Nobody is away for so long that an order is given up.
        .all_completed()
        .build()
}
