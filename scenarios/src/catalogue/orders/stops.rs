//! The orders are asked to stop while clients are at it, and come back.

use squall::{
    Scenario,
    objective::{logs, sequence, succeeded},
    plan::{Arrivals, restart},
};

use crate::{orders::orders, shop::ms};

pub(super) fn scenario() -> Scenario {
    orders(
        "stops",
        "A service that is asked to stop answers what it has begun and brings its orders to an end, and \
         what it could not is taken up when it is back",
    )
    .arrivals(Arrivals::Poisson { rate: 200.0 }, ms(3_000))
    .fault(restart("orders", ms(30_000)).from(ms(700)).spread(ms(500)).until(ms(1_400)))
    .fault(restart("orders", ms(30_000)).from(ms(2_000)).spread(ms(500)).until(ms(2_700)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sequence([logs("draining"), logs("stopped")]).on_host("orders"))
    .all_in_books()
    .all_completed()
    .build()
}
