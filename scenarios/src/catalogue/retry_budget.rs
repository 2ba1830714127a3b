//! Two calls in five fail: not enough for a breaker to open, and far too many to try again.

use squall::{
    Scenario,
    objective::{availability, never, retry_amplification},
    plan::{Processes, fail_fraction},
};

use crate::shop::{breaker, calls_to, ms, shop};

pub(super) fn scenario() -> Scenario {
    shop("retry-budget", "When failures are the rule, retries cease long before the breaker opens")
        // With fewer calls chance opens the breaker, and a budget is never used up.
        .plan(|plan| plan.on_processes(Processes::new().rate_factor(0.5).slack(ms(40))))
        .fault(fail_fraction("pricing", 0.4, 503).from(ms(1_500)).until(ms(3_500)))
        .objective(availability().at_least(0.999))
        .objective(retry_amplification(calls_to("pricing")).at_most(1.1))
        // Else it would be the breaker that keeps the load from pricing.
        .objective(never(breaker("pricing", "closed", "open")))
        .build()
}
