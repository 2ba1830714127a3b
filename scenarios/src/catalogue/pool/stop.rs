//! Worker hosts are asked to stop while there is much to do.

use squall::{
    Scenario,
    objective::{logs, never, sequence, sometimes, succeeded},
    plan::{Arrivals, Processes, restart},
};

use crate::{
    pool::{no_dead_letters, pool, stored_again},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-stop",
        "A worker host that is asked to stop finishes what it has begun and hands back the rest",
    )
    .arrivals(Arrivals::Constant { rate: 3_000.0 }, ms(500))
    .plan(|plan| {
        // Seven hundred and fifty jobs at once, which one machine can take.
        let processes = Processes::new().rate_factor(0.5).slack(ms(50));
        plan.lasts(ms(5_000)).on_processes(processes)
    })
    .fault(restart("worker-1", ms(30_000)).from(ms(700)).until(ms(5_000)))
    .fault(restart("worker-2", ms(30_000)).from(ms(1_234)).until(ms(5_000)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sequence([logs("draining"), logs("stopped")]).on_host("worker-1"))
    .objective(sequence([logs("draining"), logs("stopped")]).on_host("worker-2"))
    .objective(sometimes(logs("job handed back")))
    .objective(never(logs("lease expired")))
    .objective(never(stored_again()))
    .objective(no_dead_letters())
    .build()
}
