//! A dependency that is sometimes very slow is cut off from its caller, whose cancellations do not
//! come through.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, percentile, recovers, succeeded},
    plan::partition_one_way,
};

use crate::shop::{ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    let latency =
        json!({ "kind": "log-normal", "median_ms": 12.0, "sigma": 1.5, "cap_ms": 1000.0 });
    shop(
        "caller-cut-off",
        "Reviews know how long an answer is of use, and end their work then by themselves",
    )
    .configure("reviews", &json!({ "latency": latency }))
    .fault(partition_one_way("api", "reviews").from(ms(1_500)).until(ms(2_000)))
    .fault(partition_one_way("api", "reviews").from(ms(2_800)).until(ms(3_300)))
    .objective(availability().at_least(0.999))
    .objective(
        percentile(100.0)
            .at_most(ms(152))
            .of_calls(served_by("reviews"))
            .over_the_run()
            .named("how long reviews work on a call"),
    )
    .objective(recovers(succeeded().at_least(0.9)).holding_for(ms(500)).within(ms(1_500)))
    // What was on its way before a cut arrives after it, for requests that are over: 450 ms late at
    // the most with seeds 1 to 5, and later by a retransmit timeout if that ends after the cut.
    .works_on_for(ms(1_000))
    .build()
}
