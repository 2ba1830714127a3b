//! An optional dependency takes calls and never answers.

use squall::{
    Scenario,
    objective::{Phase, availability, degraded, eventually, p50},
    plan::hang,
};

use crate::shop::{OPTIONAL, breaker, ms, shop};

pub(super) fn scenarios() -> [Scenario; 3] {
    OPTIONAL.map(|dependency| {
        shop(
            format!("{dependency}-hung"),
            format!("When {dependency} hangs, its breaker opens and pages come without it"),
        )
        .fault(hang(dependency).from(ms(1_500)).until(ms(3_500)))
        .objective(availability().at_least(0.999))
        .objective(p50().at_most(ms(60)).in_phase(Phase::During))
        .objective(eventually(breaker(dependency, "half-open", "closed")).soon(ms(1_000)))
        .objective(degraded().at_most(0.001).in_phase(Phase::After))
        .build()
    })
}
