//! Nothing is broken.

use squall::{
    Scenario,
    objective::{accounting, count, distinct, p99, requests, succeeded},
};

use crate::{
    pool::{accepted, external_call, no_dead_letters, pool, stored},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool("pool-steady", "With nothing broken, each job is called for once and has its result soon")
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(p99().at_most(ms(50)))
        .objective(p99().at_most(ms(520)).of_calls(external_call()).over_the_run())
        .objective(accounting(requests([])).equals(distinct("job", accepted())))
        .objective(accounting(distinct("job", accepted())).equals(count(external_call())))
        .objective(accounting(distinct("job", accepted())).equals(count(stored())))
        .objective(no_dead_letters())
        .build()
}
