//! The result store is asked to stop while results come in, and comes back.

use squall::{
    Scenario,
    objective::{logs, never, sequence, succeeded},
    plan::{Arrivals, restart},
};

use crate::{
    pool::{all_done, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool("pool-store-stops", "While the result store is away, jobs wait and none fails for that")
        .arrivals(Arrivals::Poisson { rate: 200.0 }, ms(3_000))
        .fault(restart("store", ms(30_000)).from(ms(600)).spread(ms(500)).until(ms(1_600)))
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(sequence([logs("draining"), logs("stopped")]).on_host("store"))
        .objective(never(logs("job put back").with("counts", "true")))
        .objective(all_done())
        .objective(no_dead_letters())
        .build()
}
