//! The external API fails for longer than jobs are tried; then its cause is gone.

use squall::{
    Scenario,
    objective::{accounting, count, distinct, gauge_at_end, logs, sometimes},
    plan::error_code,
};

use crate::{
    pool::{accepted, dead_lettered, pool, replay, stored},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let replayed = || count(logs("job replayed").on("broker"));
    pool(
        "pool-api-fails",
        "Jobs that failed three times while the external API was down are done once they are \
         replayed",
    )
    .configure(
        &crate::pool::WORKERS,
        &serde_json::json!({
            "backoff": { "base_ms": 200, "cap_ms": 2_000 },
            // One would have kept them from failing.
            "breaker": { "calls_min": 1_000_000 },
        }),
    )
    .fault(error_code("api", 500).from(ms(800)).until(ms(6_000)))
    .plan(|plan| plan.load(replay(ms(9_000))))
    .objective(sometimes(dead_lettered()).times_at_least(100))
    .objective(accounting(count(dead_lettered())).equals(replayed()))
    .objective(accounting(distinct("job", accepted())).equals(distinct("job", stored())))
    .objective(
        accounting(count(dead_lettered()))
            .equals(replayed().plus(gauge_at_end("queue_broker_dead_letters"))),
    )
    .build()
}
