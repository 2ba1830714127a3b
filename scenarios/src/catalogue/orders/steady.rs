//! Nothing breaks.

use squall::{
    Scenario,
    objective::{logs, never, p99, succeeded},
};

use crate::{
    orders::{notified, orders},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    orders(
        "steady",
        "An order is accepted as soon as it is on the disk, and is completed step by step soon after",
    )
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(p99().at_most(ms(50)))
    .objective(never(notified().with("kind", "cancelled")))
    .objective(never(logs("events were delivered again").on("notifications")))
    .all_in_books()
    .all_completed()
    .build()
}
