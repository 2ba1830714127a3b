//! One job that can never be done: what its dead letter says, and how a replay begins.

use serde_json::json;
use squall::{
    Scenario,
    objective::{sometimes, succeeded},
    plan::RequestSpec,
};

use crate::{
    pool::{WORKERS, dead_lettered, operate, pool, processing},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let posted = RequestSpec::new("POST", "/jobs")
        .body(r#"{"id":"poison-1","payload":{"poison":true}}"#)
        .expect_present("/id");
    // The third of its errors, and what the job was.
    let read = || {
        RequestSpec::get("/deadletter/poison-1")
            .expect_present("/errors/2")
            .expect_present("/payload/poison")
    };
    let replayed =
        RequestSpec::new("POST", "/deadletter/poison-1/replay").expect_present("/replayed");
    pool(
        "pool-dead-letters",
        "A dead letter says why each of its three attempts failed, and a replay of it has three \
         attempts like a new job",
    )
    .configure(&WORKERS, &json!({ "backoff": { "base_ms": 200, "cap_ms": 800 } }))
    .plan(|plan| {
        plan.load(operate(ms(500), posted))
            .load(operate(ms(4_000), read()))
            .load(operate(ms(4_500), replayed))
            .load(operate(ms(8_500), read()))
    })
    .objective(
        succeeded()
            .at_least(1.0)
            .over_the_run()
            .on_route("GET /deadletter/poison-1")
            .named("dead letters that say how they failed"),
    )
    .objective(
        sometimes(processing().with("job", "poison-1"))
            .times_at_least(6)
            .times_at_most(6)
            .named("attempts at a job and at its replay"),
    )
    .objective(
        sometimes(dead_lettered().with("job", "poison-1")).times_at_least(2).times_at_most(2),
    )
    .objective(succeeded().at_least(1.0).over_the_run())
    .build()
}
