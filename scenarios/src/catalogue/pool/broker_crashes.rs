//! The broker's process dies, more than once, at random instants, and comes back.

use squall::{
    Scenario,
    objective::{accounting, distinct, requests, sometimes, succeeded},
    plan::{Arrivals, crash},
};

use crate::{
    pool::{accepted, no_dead_letters, pool, stored, stored_again},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-broker-crashes",
        "A broker that crashes loses no job that it has accepted, and what is delivered again has \
         one result",
    )
    .arrivals(Arrivals::Poisson { rate: 200.0 }, ms(3_000))
    .fault(crash("broker").from(ms(400)).spread(ms(600)).until(ms(800)))
    .fault(crash("broker").from(ms(1_500)).spread(ms(700)).until(ms(2_100)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(accounting(requests([])).equals(distinct("job", accepted())))
    .objective(accounting(distinct("job", accepted())).equals(distinct("job", stored())))
    .objective(sometimes(stored_again()))
    .objective(no_dead_letters())
    .build()
}
