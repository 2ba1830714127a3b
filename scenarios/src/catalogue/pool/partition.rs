//! Half of the worker hosts cannot reach the broker, for longer than a lease lasts.

use squall::{
    Scenario,
    objective::{logs, sometimes, succeeded},
    plan::partition_groups,
};

use crate::{
    pool::{LEASE, no_dead_letters, pool, stored_again},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-partition",
        "What a worker host could not acknowledge is delivered to another one as well, and has one \
         result all the same",
    )
    .fault(
        partition_groups(&["worker-1", "worker-2"], &["broker"]).from(ms(1_200)).lasting(2 * LEASE),
    )
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(logs("lease expired")))
    .objective(sometimes(stored_again()))
    .objective(no_dead_letters())
    .build()
}
