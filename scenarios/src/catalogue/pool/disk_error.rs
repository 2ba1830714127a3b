//! The broker's disk fails now and then.

use squall::{
    Scenario,
    objective::{accounting, distinct, failed, succeeded},
    plan::disk_error,
};

use crate::{
    pool::{accepted, no_dead_letters, pool, stored},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-disk-error",
        "A disk that fails now and then costs time, but no job that was accepted",
    )
    .fault(disk_error("broker", 0.3).from(ms(500)).until(ms(2_500)))
    .objective(failed().none())
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(accounting(distinct("job", accepted())).equals(distinct("job", stored())))
    .objective(no_dead_letters())
    .build()
}
