//! The broker is asked to stop while clients and workers are at it, and comes back.

use squall::{
    Scenario,
    objective::{accounting, distinct, logs, requests, sequence, succeeded},
    plan::{Arrivals, restart},
};

use crate::{
    pool::{accepted, all_done, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-broker-stops",
        "A broker that is asked to stop answers what it has begun, and goes on with all jobs when it \
         is back",
    )
    .arrivals(Arrivals::Poisson { rate: 200.0 }, ms(3_000))
    .fault(restart("broker", ms(30_000)).from(ms(700)).spread(ms(500)).until(ms(1_400)))
    .fault(restart("broker", ms(30_000)).from(ms(2_000)).spread(ms(500)).until(ms(2_700)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sequence([logs("draining"), logs("stopped")]).on_host("broker"))
    .objective(accounting(requests([])).equals(distinct("job", accepted())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
