//! Jobs became dead letters because the external API was down, and nobody replays them.

use serde_json::json;
use squall::{
    Scenario,
    objective::{accounting, count, gauge_at_end, logs, sometimes, succeeded},
    plan::error_code,
};

use crate::{
    pool::{WORKERS, all_done, dead_lettered, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let replayed = || count(logs("job replayed").on("broker").with("policy", "true"));
    pool(
        "pool-redrive",
        "A broker that may replay dead letters by itself does so until all jobs are done, and is \
         asked by nobody",
    )
    .configure(&["broker"], &json!({ "redrive": { "after_ms": 3_000, "per_second": 100 } }))
    // Without a breaker, which would have kept them from failing.
    .configure(
        &WORKERS,
        &json!({
            "backoff": { "base_ms": 200, "cap_ms": 500 },
            "breaker": { "calls_min": 1_000_000 },
        }),
    )
    .fault(error_code("api", 500).from(ms(800)).until(ms(6_000)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(dead_lettered()).times_at_least(100))
    .objective(
        accounting(count(dead_lettered()))
            .equals(replayed().plus(gauge_at_end("queue_broker_dead_letters"))),
    )
    .objective(all_done())
    .build()
}
