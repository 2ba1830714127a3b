//! Worker hosts die with jobs in work, at random instants.

use squall::{
    Scenario,
    objective::{eventually, logs, sometimes, succeeded},
    plan::{Arrivals, crash, crash_loop, power_loss},
};

use crate::{
    pool::{no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-workers-die",
        "What a dead worker host had in work is handed to others when its leases have expired",
    )
    .arrivals(Arrivals::Poisson { rate: 200.0 }, ms(3_000))
    .fault(crash("worker-1").from(ms(400)).spread(ms(800)).until(ms(1_200)))
    .fault(power_loss("worker-2").from(ms(700)).spread(ms(900)).until(ms(2_500)))
    .fault(crash_loop("worker-3", ms(700), ms(300)).from(ms(400)).until(ms(3_000)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(logs("lease expired")))
    .objective(eventually(logs("job stored").on("store")))
    .objective(no_dead_letters())
    .build()
}
