//! Somebody posts jobs that are too large.

use squall::{
    Scenario,
    objective::{
        Outcome, accounting, distinct, failed, failed_otherwise_than, p99, requests, succeeded,
    },
    plan::Load,
};

use crate::{
    pool::{accepted, all_done, no_dead_letters, pool, post},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    // A body may have 64 KiB.
    let large = post(&format!(r#""{}""#, "x".repeat(70_000)));
    let posts = Load::constant("operator", "broker:8050", 50.0)
        .lasts(ms(3_000))
        .timeout(ms(2_000))
        .warm_up(0)
        .request(large);
    pool(
        "pool-too-large",
        "A job that is too large is refused with 413, and those who post others do not notice",
    )
    .plan(|plan| plan.load(posts))
    .objective(failed_otherwise_than(413).none().on_host("operator"))
    .objective(
        succeeded()
            .at_most(0.0)
            .over_the_run()
            .on_host("operator")
            .named("jobs that are too large and were accepted"),
    )
    .objective(failed().none().on_host("clients"))
    .objective(p99().at_most(ms(50)).on_host("clients"))
    .objective(accounting(requests([Outcome::Succeeded])).equals(distinct("job", accepted())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
