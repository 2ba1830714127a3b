//! There is little to do, and half of it fails.

use squall::{
    Scenario,
    objective::{availability, never},
    plan::{Arrivals, fail_fraction},
};

use crate::shop::{breaker, ms, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "few-calls",
        "A breaker does not judge by a handful of calls, so reviews are asked again each time",
    )
    .arrivals(Arrivals::Constant { rate: 10.0 }, ms(6_000))
    .fault(fail_fraction("reviews", 0.5, 500).from(ms(1_500)).until(ms(4_500)))
    .objective(availability().at_least(0.999))
    .objective(
        never(breaker("reviews", "closed", "open")).named("breakers that open on a few calls"),
    )
    .build()
}
