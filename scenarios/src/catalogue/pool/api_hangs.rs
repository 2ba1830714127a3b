//! The external API takes calls and does not answer them.

use squall::{
    Scenario,
    objective::{percentile, sometimes, succeeded},
    plan::hang,
};

use crate::{
    pool::{external_call, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool("pool-api-hangs", "A call that hangs ends with its timeout, and its job is tried again")
        .fault(hang("api").from(ms(1_000)).until(ms(3_000)))
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(sometimes(external_call().with("outcome", "timeout")))
        .objective(percentile(100.0).at_most(ms(2_002)).of_calls(external_call()).over_the_run())
        .objective(no_dead_letters())
        .build()
}
