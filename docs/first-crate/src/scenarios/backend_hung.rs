//! The backend accepts requests and does not answer.

use squall::{
    Scenario,
    objective::{Phase, availability, degraded, p99, recovers},
    plan::hang,
};

use crate::preset::{greetings, ms};

pub(super) fn scenario() -> Scenario {
    let claim = "When the backend hangs, greetings come without a name, and in time";
    greetings("backend-hung", claim, |plan| {
        plan.fault(hang("backend").from(ms(1_000)).until(ms(3_000)))
            .objective(availability().at_least(0.999))
            .objective(p99().at_most(ms(100)))
            .objective(degraded().none().in_phase(Phase::After))
            .objective(
                recovers(p99().at_most(ms(20)))
                    .holding_for(ms(500))
                    .within(ms(500)),
            )
    })
}
