//! Somebody posts another job under an id that is taken.

use squall::{
    Scenario,
    objective::{
        Outcome, accounting, distinct, failed, failed_otherwise_than, requests, succeeded,
    },
    plan::{Arrivals, Load, RequestSpec},
};

use crate::{
    pool::{accepted, all_done, no_dead_letters, operate, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let post = |payload: u32| {
        RequestSpec::new("POST", "/jobs")
            .body(format!(r#"{{"id":"first","payload":{payload}}}"#))
            .expect_present("/id")
            .expect_error_type("application/problem+json")
    };
    // While the first one is in the queue or in work, and for long after it is done.
    let others = Load::new("careless", "broker:8050", Arrivals::Steps { rates: vec![0.0, 50.0] })
        .lasts(ms(2_000))
        .timeout(ms(2_000))
        .warm_up(0)
        .request(post(2));
    pool(
        "pool-another-job",
        "Another job with the id of one that was accepted is refused with 409, whether that is still \
         to be done or is done",
    )
    .plan(|mut plan| {
        plan.topology = plan.topology.client("careless");
        plan.load(operate(ms(995), post(1))).load(others)
    })
    .objective(failed_otherwise_than(409).none().on_host("careless"))
    .objective(
        succeeded()
            .at_most(0.0)
            .over_the_run()
            .on_host("careless")
            .named("jobs with the id of another one that were accepted"),
    )
    .objective(failed().none().on_host("operator"))
    .objective(failed().none().on_host("clients"))
    .objective(accounting(requests([Outcome::Succeeded])).equals(distinct("job", accepted())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
