//! The external API is down for a while, with many jobs in the queue.

use squall::{
    Scenario,
    objective::{logs, sometimes, succeeded},
    plan::error_code,
};

use crate::{
    pool::{all_done, external_call, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let moved = |from: &str, to: &str| logs("the breaker moved").with("from", from).with("to", to);
    pool(
        "pool-api-down",
        "While the external API is down workers take no jobs but those that find out, so that jobs \
         wait in the queue, and none becomes a dead letter",
    )
    .fault(error_code("api", 500).from(ms(800)).until(ms(6_000)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(no_dead_letters().named("dead letters of an API that is down"))
    // Those under way when it goes down, ten or so of each host until the breaker opens, and one a
    // second of each.
    .objective(
        sometimes(external_call().with("outcome", "error"))
            .times_at_least(40)
            .times_at_most(200)
            .named("calls of an API that is down"),
    )
    .objective(sometimes(moved("closed", "open")))
    .objective(sometimes(moved("half-open", "closed")))
    .objective(all_done())
    .build()
}
