//! Ten thousand jobs at once.

use squall::{
    Scenario,
    objective::{accounting, distinct, p99, requests, succeeded},
    plan::{Arrivals, Processes},
};

use crate::{
    pool::{accepted, external_call, no_dead_letters, pool, stored},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-burst",
        "Ten thousand jobs within a second are accepted within seconds, and done at the pace that \
         the external API admits",
    )
    .arrivals(Arrivals::Constant { rate: 10_000.0 }, ms(1_000))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(p99().at_most(ms(2_000)))
    .objective(p99().at_most(ms(520)).of_calls(external_call()).over_the_run())
    .objective(accounting(requests([])).equals(distinct("job", accepted())))
    .objective(accounting(distinct("job", accepted())).equals(distinct("job", stored())))
    .objective(no_dead_letters())
    .plan(|plan| {
        // Two thousand jobs, of which as many are sent at once as one machine can take.
        let processes = Processes::new().rate_factor(0.2).slack(ms(50));
        plan.settle(ms(45_000)).on_processes(processes)
    })
    .build()
}
