//! The broker's process dies while jobs wait for their next attempt.

use serde_json::json;
use squall::{
    Scenario,
    objective::{pause_between, sometimes, succeeded},
    plan::{Arrivals, crash, error_code},
};

use crate::{
    pool::{WORKERS, all_done, external_call, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-pauses-survive",
        "A job that waits for its next attempt waits on when the broker has died and is back",
    )
    .arrivals(Arrivals::Constant { rate: 60.0 }, ms(500))
    .plan(|plan| plan.lasts(ms(3_000)))
    // All have failed once before the broker dies, and none is due before it is back.
    .configure(&["api"], &json!({ "latency": { "kind": "constant", "ms": 100.0 } }))
    .configure(
        &WORKERS,
        &json!({
            "backoff": { "base_ms": 3_000, "cap_ms": 5_000 },
            "breaker": { "calls_min": 1_000_000 },
        }),
    )
    .fault(error_code("api", 500).from(ms(0)).until(ms(1_500)))
    .fault(crash("broker").from(ms(1_000)).until(ms(1_600)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(external_call().with("outcome", "error")).times_at_least(30))
    .objective(
        pause_between(external_call())
            .with_same("job")
            .at_least(ms(3_000))
            .named("pauses that a broker keeps which died"),
    )
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
