//! The external API takes much longer than usual.

use squall::{
    Scenario,
    objective::{Phase, p99, succeeded},
    plan::slow_answer,
};

use crate::{
    pool::{external_call, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool("pool-api-slow", "When the external API is slow, jobs wait in the queue and none fails")
        .fault(slow_answer("api", ms(1_200)).from(ms(1_000)).until(ms(3_500)))
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(p99().at_most(ms(50)))
        .objective(p99().at_most(ms(1_750)).of_calls(external_call()).in_phase(Phase::During))
        .objective(no_dead_letters())
        .build()
}
