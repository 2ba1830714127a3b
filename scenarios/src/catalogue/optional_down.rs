//! An optional dependency has crashed and refuses connections.

use squall::{
    Scenario,
    objective::{Phase, availability, p99, recovers, succeeded},
    plan::crash,
};

use crate::shop::{OPTIONAL, ms, shop};

pub(super) fn scenarios() -> [Scenario; 3] {
    OPTIONAL.map(|dependency| {
        shop(
            format!("{dependency}-down"),
            format!("When {dependency} is down, pages come at once without it, and with it again"),
        )
        .fault(crash(dependency).from(ms(1_500)).until(ms(3_500)))
        .objective(availability().at_least(0.999))
        .objective(p99().at_most_times_baseline(2.0).in_phase(Phase::During))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .build()
    })
}
