//! The inventory dies, and later is asked to stop: each time its history begins anew.

use squall::{
    Scenario,
    objective::{eventually, logs, never, sometimes},
    plan::{crash, restart},
};

use crate::{
    shop::ms,
    watch::{begun, checked, watch},
};

pub(super) fn scenario() -> Scenario {
    watch(
        "watch-inventory-restarts",
        "A replica does not take the revisions of one life of the inventory for those of another, and a \
         stop ends its stream in order",
        ms(10_000),
    )
    .witnessed()
    .fault(crash("inventory").from(ms(3_000)).spread(ms(200)).until(ms(3_600)))
    .fault(restart("inventory", ms(500)).from(ms(6_000)).spread(ms(200)).until(ms(6_600)))
    .objective(sometimes(begun("other epoch")).times_at_least(2))
    .objective(sometimes(logs("watch ended").on("inventory").with("code", "Unavailable")))
    .objective(sometimes(
        logs("stream ended").on("replica").with("reason", "the server stops; resume elsewhere"),
    ))
    .objective(never(logs("cut off what did not end in time").on("inventory")))
    .objective(eventually(checked().with("current", "true")).soon(ms(2_500)))
    .build()
}
