//! The result store's disk fails now and then, so that jobs come back whose call was made.

use squall::{
    Scenario,
    objective::{accounting, distinct, logs, never, sometimes, succeeded},
    plan::disk_error,
};

use crate::{
    pool::{all_done, no_dead_letters, pool, processed, stored},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-store-fails",
        "A result that could not be stored is fetched again, which has no effect at the external \
         API again, and its job is not done before",
    )
    .fault(disk_error("store", 0.3).from(ms(500)).until(ms(2_500)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(logs("job was processed already").on("api")))
    .objective(never(logs("job put back").with("counts", "true")))
    .objective(accounting(distinct("job", processed())).equals(distinct("job", stored())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
