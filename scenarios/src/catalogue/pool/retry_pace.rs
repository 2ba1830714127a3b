//! Every call fails: how long jobs wait before they are tried again.

use serde_json::json;
use squall::{
    Scenario,
    objective::{pause_between, sometimes, succeeded},
    plan::{Arrivals, RequestSpec, error_code},
};

use crate::{
    pool::{WORKERS, dead_lettered, external_call, operate, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let last = RequestSpec::new("POST", "/jobs")
        .body(r#"{"id":"last","payload":1}"#)
        .expect_present("/id");
    let pause = || pause_between(external_call()).with_same("job");
    pool(
        "pool-retry-pace",
        "A job that failed waits before it is tried again, for longer each time, and not for as long \
         as those that failed with it",
    )
    // So few that none waits for a worker.
    .arrivals(Arrivals::Constant { rate: 30.0 }, ms(3_000))
    // And no breaker, which would have them wait for longer.
    .configure(&WORKERS, &json!({ "breaker": { "calls_min": 1_000_000 } }))
    .fault(error_code("api", 500).from(ms(0)).until(ms(9_500)))
    // And one that is done, when all is well again.
    .plan(|plan| plan.load(operate(ms(10_000), last)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(dead_lettered()).times_at_least(90))
    .objective(pause().at_least(ms(500)).named("pause before a job is tried again"))
    // The second one is at most three times the first one, which is at most three times the base.
    .objective(pause().at_most(ms(4_600)).named("longest pause before a job is tried again"))
    .objective(pause().growing_by(1.2).named("growth of the pauses of a job"))
    .objective(pause().spread_at_least(0.3).named("spread of the pauses of jobs"))
    .build()
}
