//! A network that loses everything and says nothing: to a replica that is how stock looks that does not
//! change.

use squall::{
    Scenario,
    objective::{eventually, logs, never, sometimes},
    plan::partition,
};

use crate::{
    shop::ms,
    watch::{begun, checked, watch},
};

pub(super) fn scenario() -> Scenario {
    watch(
        "watch-partition-silent",
        "A replica that is cut off without a word finds that out, says how old its answers may be, and \
         catches up",
        ms(11_000),
    )
    .witnessed()
    .fault(partition("inventory", "replica").from(ms(2_000)).spread(ms(300)).until(ms(7_000)))
    .objective(never(logs("stock refused").on("witness")))
    .objective(sometimes(begun("resumed")))
    .objective(eventually(checked().with("current", "true")).soon(ms(3_500)))
    .build()
}
