//! More jobs than the queue takes.

use serde_json::json;
use squall::{
    Scenario,
    objective::{Outcome, accounting, distinct, failed, gauge, p99, requests, shed},
    plan::{Arrivals, Processes},
};

use crate::{
    pool::{accepted, all_done, no_dead_letters, pool},
    shop::ms,
};

const JOBS_MAX: u64 = 200;

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-queue-full",
        "A full queue turns jobs away at once and takes no more than it has room for; what it has \
         taken is done",
    )
    .arrivals(Arrivals::Constant { rate: 1_000.0 }, ms(1_500))
    .configure(&["broker"], &json!({ "jobs_max": JOBS_MAX }))
    .plan(|mut plan| {
        // Clients that do not try again show what the broker answers.
        plan.loads = plan.loads.into_iter().map(|load| load.retry(1, ms(1))).collect();
        // Still far more jobs than there is room for, and are done meanwhile.
        plan.on_processes(Processes::new().rate_factor(0.8).slack(ms(50)))
    })
    .objective(failed().none())
    .objective(shed().at_least(0.3).over_the_run())
    .objective(p99().at_most(ms(50)))
    .objective(gauge("queue_broker_queued").at_most(JOBS_MAX).on_host("broker"))
    .objective(accounting(requests([Outcome::Succeeded])).equals(distinct("job", accepted())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
