//! Jobs that must be done in order, while calls fail, workers die and the broker is away.

use serde_json::json;
use squall::{
    Scenario,
    objective::{logs, never, sometimes, succeeded},
    plan::{Arrivals, Load, RequestSpec, crash, fail_fraction},
};

use crate::{
    pool::{WORKERS, all_done, external_call, no_dead_letters, pool},
    shop::ms,
};

/// Accounts, say.
const STREAMS: [&str; 3] = ["a", "b", "c"];

pub(super) fn scenario() -> Scenario {
    let posts = |stream: &str| {
        let payload = format!(r#"{{"stream":"{stream}","n":{{request}}}}"#);
        let body =
            format!(r#"{{"id":"{stream}-{{request}}","key":"{stream}","payload":{payload}}}"#);
        // One after the other, and again until it is accepted: that is the order in which they came.
        Load::new(stream, "broker:8050", Arrivals::Closed { clients: 1, think: ms(50) })
            .lasts(ms(4_000))
            .timeout(ms(20_000))
            .retry(20, ms(50))
            .warm_up(0)
            .request(RequestSpec::new("POST", "/jobs").body(body).expect_present("/id"))
    };
    pool(
        "pool-in-order",
        "Jobs with the same key are done in the order in which they came, one after the other, \
         whatever fails, and hold up no others",
    )
    .configure(
        &["api"],
        &json!({ "latency": { "kind": "uniform", "min_ms": 10.0, "max_ms": 30.0 } }),
    )
    .configure(
        &WORKERS,
        &json!({
            "backoff": { "base_ms": 100, "cap_ms": 300 },
            "breaker": { "calls_min": 1_000_000 },
        }),
    )
    .plan(|mut plan| {
        plan.topology = STREAMS.iter().fold(plan.topology, |all, stream| all.client(*stream));
        STREAMS.iter().fold(plan, |plan, stream| plan.load(posts(stream))).settle(ms(25_000))
    })
    // Often enough that one is tried again while others of its key are there.
    .configure(&["broker"], &json!({ "failures_max": 20 }))
    .fault(fail_fraction("api", 0.3, 500).from(ms(500)).until(ms(3_500)))
    .fault(crash("worker-1").from(ms(2_500)).until(ms(3_000)))
    .fault(crash("broker").from(ms(1_500)).until(ms(1_700)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(external_call().with("outcome", "error")).times_at_least(20))
    .objective(
        never(logs("job out of order").on("api"))
            .named("jobs that were done before one of their key"),
    )
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
