//! The result store's machine loses its power at random instants, and once more when all is done.

use squall::{
    Scenario,
    objective::{accounting, distinct, gauge_at_end, succeeded},
    plan::{Scrape, power_loss, torn_write},
};

use crate::{
    pool::{acknowledged, all_done, no_dead_letters, pool},
    shop::ms,
};

/// What the store has read back from its disk since it last started, and stored since.
const RESULTS: &str = "result_store_results";

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-store-loses-power",
        "A job that is done has its result on the disk, whenever the power fails",
    )
    // There is always a batch under way.
    .slow_sync("store", ms(50))
    .plan(|plan| {
        plan.lasts(ms(9_000)).scrape(Scrape::new("operator", "store:8072").series(RESULTS))
    })
    .fault(power_loss("store").from(ms(500)).spread(ms(500)).until(ms(800)))
    .fault(torn_write("store").from(ms(1_400)).spread(ms(500)).until(ms(1_700)))
    .fault(power_loss("store").from(ms(2_300)).spread(ms(500)).until(ms(2_600)))
    // Long after the last one was done: only what is on the disk is there from then on.
    .fault(power_loss("store").from(ms(8_000)).until(ms(8_300)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(all_done())
    .objective(
        accounting(distinct("job", acknowledged()))
            .equals(gauge_at_end(RESULTS))
            .named("results on the disk for the jobs that are done"),
    )
    .objective(no_dead_letters())
    .build()
}
