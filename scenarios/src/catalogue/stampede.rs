//! All at once: more requests at one instant than the API may have in flight.

use squall::{
    Scenario,
    objective::{Outcome, Phase, answers, failed, recovers, shed, succeeded},
    plan::stampede,
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("stampede", "A stampede is shed at once beyond the bulkhead, and all others are served")
        .bulkhead(60)
        .fault(stampede(800).from(ms(1_500)).until(ms(1_700)))
        .objective(failed().none())
        .objective(shed().at_least(0.1).in_phase(Phase::During))
        .objective(shed().at_most(0.0).in_phases([Phase::Baseline, Phase::After]))
        .objective(answers([Outcome::Shed]).p99_at_most(ms(200)))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(500)))
        .build()
}
