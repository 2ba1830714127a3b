//! An optional dependency starts and crashes, again and again.

use squall::{
    Scenario,
    objective::{availability, recovers, succeeded},
    plan::crash_loop,
};

use crate::shop::{OPTIONAL, ms, shop};

pub(super) fn scenarios() -> [Scenario; 3] {
    OPTIONAL.map(|dependency| {
        shop(
            format!("{dependency}-crash-loop"),
            format!("When {dependency} crashes again and again, pages still come in time"),
        )
        .fault(crash_loop(dependency, ms(400), ms(300)).from(ms(1_500)).until(ms(3_600)))
        .objective(availability().at_least(0.999))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .build()
    })
}
