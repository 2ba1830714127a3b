//! The broker's answers are lost, and clients post their jobs again, also those that are done.

use squall::{
    Scenario,
    objective::{
        accounting, client_retry_amplification, count, distinct, once_per, requests, succeeded,
    },
    plan::timeout,
};

use crate::{
    pool::{accepted, all_done, no_dead_letters, pool, processing},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-posted-again",
        "A job that is posted again, because nobody heard the answer, is the same job, even when it \
         is done: the external API is called once for it",
    )
    .fault(timeout("broker", ms(100)).with_peer("clients").from(ms(800)).until(ms(2_600)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(client_retry_amplification().at_most(12.0))
    .objective(once_per("job", accepted().with("recovered", "false")))
    .objective(accounting(requests([])).equals(distinct("job", accepted())))
    .objective(accounting(distinct("job", accepted())).equals(count(processing())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
