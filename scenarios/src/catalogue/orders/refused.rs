//! Cards are declined, and parcels are delivered nowhere.

use serde_json::json;
use squall::{
    Scenario,
    objective::{accounting, distinct, logs, sometimes, succeeded},
};

use crate::orders::{notified, orders, refunded};

pub(super) fn scenario() -> Scenario {
    let refused = || logs("refused for good");
    orders(
        "refused",
        "An order that is refused by one who takes part is undone by all who have done their part, and \
         its customer is told so",
    )
    .configure(&["stock"], &json!({ "refuse_fraction": 0.1 }))
    .configure(&["payments"], &json!({ "refuse_fraction": 0.2 }))
    .configure(&["shipping"], &json!({ "refuse_fraction": 0.2 }))
    // That an answer is lost changes nothing: the answer is the same when it is asked for again.
    .configure(&["payments", "shipping"], &json!({ "lose_answer_fraction": 0.1 }))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(refused().on("stock")))
    .objective(sometimes(refused().on("payments")))
    .objective(sometimes(refused().on("shipping")))
    .objective(sometimes(refunded()))
    .objective(
        accounting(distinct("order", refused()))
            .equals(distinct("order", notified().with("kind", "cancelled")))
            .named("customers who are told that their order is cancelled, for those refused"),
    )
    .all_in_books()
    .build()
}
