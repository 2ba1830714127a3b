//! Dependencies answer, and mostly say no: a product that they do not know, a caller without
//! permission.

use squall::{
    Scenario,
    objective::{availability, never, retry_amplification},
    plan::{Arrivals, fail_fraction},
};

use crate::shop::{breaker, calls_to, ms, shop};

pub(super) fn scenario() -> Scenario {
    let opens = |dependency| {
        never(breaker(dependency, "closed", "open"))
            .named(format!("breakers of {dependency} that open on refusals"))
    };
    shop(
        "refusals",
        "A dependency that says no is well: its breaker stays closed, and it is not asked twice",
    )
    .arrivals(Arrivals::Constant { rate: 500.0 }, ms(6_000))
    .fault(fail_fraction("reviews", 0.8, 403).from(ms(1_500)).until(ms(3_500)))
    .fault(fail_fraction("recommendations", 0.8, 404).from(ms(1_500)).until(ms(3_500)))
    .objective(availability().at_least(0.999))
    .objective(opens("reviews"))
    .objective(opens("recommendations"))
    .objective(retry_amplification(calls_to("reviews")).at_most(1.0))
    .build()
}
