//! A dependency has 30 % of its processor left, which is less than its load needs.

use serde_json::json;
use squall::{
    Scenario,
    objective::{Phase, availability, degraded, recovers, succeeded},
    plan::{Arrivals, Processes, slow_cpu},
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("brownout", "When pricing has 30 % of its processor, it costs its section, not the page")
        .configure("pricing", &json!({ "cpu_us": 1_500 }))
        .fault(slow_cpu("pricing", 1.0 / 0.3).from(ms(1_500)).until(ms(3_500)))
        .objective(availability().at_least(0.999))
        .objective(degraded().at_most(0.001).in_phase(Phase::Baseline))
        .objective(recovers(succeeded().at_least(0.99)).holding_for(ms(500)).within(ms(2_000)))
        .plan(|plan| {
            plan.recovery(ms(2_000)).on_processes(Processes::new().refused(
                "what pricing computes is stated, and takes time of a simulated processor only",
            ))
        })
        .arrivals(Arrivals::Constant { rate: 1_000.0 }, ms(7_000))
        .build()
}
