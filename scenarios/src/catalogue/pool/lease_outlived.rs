//! Jobs that nobody ever comes back from in time.

use serde_json::json;
use squall::{
    Scenario,
    objective::{accounting, count, distinct, sometimes, succeeded},
    plan::{Arrivals, RequestSpec, slow_answer},
};

use crate::{
    pool::{WORKERS, dead_lettered, expired, operate, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let last = RequestSpec::new("POST", "/jobs")
        .body(r#"{"id":"last","payload":1}"#)
        .expect_present("/id");
    let dead = || distinct("job", dead_lettered());
    pool(
        "pool-lease-outlived",
        "A job whose lease expires time and again, as if its workers died of it, becomes a dead \
         letter",
    )
    .arrivals(Arrivals::Constant { rate: 10.0 }, ms(2_000))
    .configure(&["broker"], &json!({ "lease_ms": 500, "expiries_max": 3 }))
    // Workers as they must not be: that is what a broker has to live with.
    .configure(
        &WORKERS,
        &json!({ "defects": ["never-extends"], "breaker": { "calls_min": 1_000_000 } }),
    )
    .fault(slow_answer("api", ms(5_000)).from(ms(0)).until(ms(6_000)))
    // And one that is done, when all is well again.
    .plan(|plan| plan.load(operate(ms(9_000), last)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(
        sometimes(dead_lettered())
            .times_at_least(20)
            .times_at_most(20)
            .named("jobs that outlived three leases each"),
    )
    .objective(accounting(count(expired())).equals(dead().plus(dead()).plus(dead())))
    .build()
}
