//! Three times as many requests as usual.

use squall::{
    Scenario,
    objective::{Phase, p99, succeeded},
    plan::{Arrivals, burst},
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("burst", "A burst of three times the usual load is answered completely and in time")
        .arrivals(Arrivals::Poisson { rate: 5_000.0 }, ms(2_000))
        .fault(burst(3.0).from(ms(700)).until(ms(1_100)))
        .objective(succeeded().at_least(0.999))
        .objective(p99().at_most_times_baseline(2.0).in_phase(Phase::During))
        .plan(|plan| plan.recovery(ms(300)))
        .build()
}
