//! Some jobs can never be done.

use squall::{
    Scenario,
    objective::{accounting, count, distinct, gauge_at_end, sometimes, succeeded},
};

use crate::pool::{accepted, dead_lettered, external_call, pool, post, stored};

pub(super) fn scenario() -> Scenario {
    let failed = external_call().with("outcome", "error");
    let dead = || distinct("job", dead_lettered());
    pool("pool-poison", "A job that always fails is a dead letter after its third failure")
        .jobs(post(r#"{"poison":true}"#))
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(sometimes(dead_lettered()).times_at_least(50))
        .objective(accounting(count(failed)).equals(dead().plus(dead()).plus(dead())))
        .objective(accounting(dead()).equals(gauge_at_end("queue_broker_dead_letters")))
        .objective(
            accounting(distinct("job", accepted())).equals(distinct("job", stored()).plus(dead())),
        )
        .build()
}
