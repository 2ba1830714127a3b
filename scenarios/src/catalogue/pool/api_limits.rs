//! The external API turns calls away, as if others used it as well.

use squall::{
    Scenario,
    objective::{logs, never, sometimes, succeeded},
    plan::error_code,
};

use crate::{
    pool::{external_call, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-api-limits",
        "A call that the external API has no place for is no failure of its job, and is made later",
    )
    .fault(error_code("api", 429).from(ms(1_000)).until(ms(4_000)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(external_call().with("outcome", "rejected")))
    .objective(never(logs("job put back").with("counts", "true")))
    .objective(no_dead_letters())
    .build()
}
