//! The external API has few places, and says when to come again.

use serde_json::json;
use squall::{
    Scenario,
    objective::{logs, never, pause_between, sometimes, succeeded},
    plan::Arrivals,
};

use crate::{
    pool::{all_done, external_call, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let pause = || pause_between(external_call()).with_same("job");
    pool(
        "pool-api-says-when",
        "Who is told with `Retry-After` when to come again does not come before, nor with all the \
         others that were told the same",
    )
    .arrivals(Arrivals::Constant { rate: 150.0 }, ms(1_000))
    .configure(&["api"], &json!({ "concurrency_max": 20, "retry_after_s": 2 }))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(external_call().with("outcome", "rejected")).times_at_least(20))
    .objective(pause().not_before("retry_after_ms").named("calls before the API wants them"))
    .objective(pause().spread_at_least(0.1).named("spread of the calls that were turned away"))
    .objective(never(logs("job put back").with("counts", "true")))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
