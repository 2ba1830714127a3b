//! Jobs that take longer than a lease.

use serde_json::json;
use squall::{
    Scenario,
    objective::{accounting, count, distinct, never, percentile, succeeded},
};

use crate::{
    pool::{LEASE, WORKERS, accepted, all_done, expired, no_dead_letters, pool, processing},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let job = LEASE + ms(1_000);
    pool(
        "pool-old-jobs",
        "A job that takes longer than a lease, or waits for as long, stays with the host that has it",
    )
    .configure(&["api"], &json!({ "latency": { "kind": "constant", "ms": job.as_millis() } }))
    .configure(&WORKERS, &json!({ "call_timeout_ms": 2 * job.as_millis() }))
    // Three rounds of them, and then the time for which connections are kept.
    .plan(|plan| plan.settle(ms(25_000)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(never(expired()))
    // The shortest of them is longer than a lease.
    .objective(percentile(100.0).at_most(job + ms(20)).of_calls(processing()).over_the_run())
    .objective(accounting(count(processing())).equals(distinct("job", accepted())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
