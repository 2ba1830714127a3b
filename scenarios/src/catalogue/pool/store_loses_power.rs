//! The result store's machine loses its power at random instants.

use squall::{
    Scenario,
    objective::{accounting, distinct, gauge_at_end, succeeded},
    plan::{Processes, Scrape, power_loss},
};

use crate::{
    pool::{NOTHING_IS_LOST, acknowledged, all_done, no_dead_letters, pool},
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
        plan.scrape(Scrape::new("operator", "store:8072").series(RESULTS))
            .on_processes(Processes::new().refused(NOTHING_IS_LOST))
    })
    .fault(power_loss("store").from(ms(600)).spread(ms(600)).until(ms(900)))
    // Many jobs are done by then, and what is not on the disk is gone.
    .fault(power_loss("store").from(ms(2_100)).spread(ms(700)).until(ms(2_400)))
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
