//! Who tells customers is away, and then its answers are lost.

use squall::{
    Scenario,
    objective::{eventually, logs, p99, sometimes, succeeded},
    plan::{crash, timeout},
};

use crate::{
    orders::{notified, orders},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    orders(
        "consumer-away",
        "Events wait in the outbox while nobody takes them, come in order, perhaps more than once, and \
         have their effect once",
    )
    .fault(crash("notifications").from(ms(500)).until(ms(1_500)))
    .fault(timeout("notifications", ms(100)).with_peer("orders").from(ms(1_900)).until(ms(2_700)))
    .objective(succeeded().at_least(1.0).over_the_run())
    // Orders do not wait for their customers to be told.
    .objective(p99().at_most(ms(50)))
    .objective(sometimes(logs("events were delivered again").on("notifications")))
    .objective(eventually(notified()).soon(ms(1_500)))
    .all_in_books()
    .build()
}
