//! An optional dependency is slower than a call may take.

use squall::{
    Scenario,
    objective::{Phase, availability, degraded, retry_amplification},
    plan::latency,
};

use crate::shop::{OPTIONAL, ms, served_by, shop};

pub(super) fn scenarios() -> [Scenario; 3] {
    OPTIONAL.map(|dependency| {
        shop(
            format!("{dependency}-slow"),
            format!("When {dependency} is slow, pages come in time without it"),
        )
        .fault(latency(dependency, ms(400)).from(ms(1_500)).until(ms(3_500)))
        // What cancels a call waits in its turn for the window, which a round trip of 400 ms opens.
        .works_on_for(ms(450))
        .objective(availability().at_least(0.999))
        .objective(degraded().at_most(0.001).in_phase(Phase::Baseline))
        .objective(degraded().at_most(0.001).in_phase(Phase::After))
        .objective(retry_amplification(served_by(dependency)).at_most(1.1))
        .build()
    })
}
