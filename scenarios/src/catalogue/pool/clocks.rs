//! The clocks of the broker and of worker hosts are wrong, each in its own way.

use squall::{
    Scenario,
    objective::{logs, never, succeeded},
    plan::{clock_drift, clock_jump, clock_skew},
};

use crate::{
    pool::{no_dead_letters, pool, stored_again},
    shop::ms,
};

const HOUR_MS: i64 = 3_600_000;

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-clocks",
        "Leases are durations, measured by clocks that only go forward: no wall clock that is wrong \
         or jumps ends one early, nor does a clock that runs too fast or too slow",
    )
    .fault(clock_jump("broker", HOUR_MS).from(ms(800)).until(ms(2_000)))
    .fault(clock_jump("worker-1", -HOUR_MS).from(ms(900)).until(ms(2_500)))
    .fault(clock_skew("worker-2", 500).from(ms(600)).until(ms(2_800)))
    .fault(clock_drift("worker-3", 0.2).from(ms(500)).until(ms(2_900)))
    .fault(clock_drift("worker-4", -0.2).from(ms(500)).until(ms(2_900)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(never(logs("lease expired")))
    .objective(never(stored_again()))
    .objective(no_dead_letters())
    .build()
}
