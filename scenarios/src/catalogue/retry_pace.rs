//! Some calls fail all the time, and one dependency says when it wants to be asked again.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, degraded, pause_between},
    plan::Processes,
};

use crate::shop::{calls_to, ms, shop};

pub(super) fn scenario() -> Scenario {
    // Enough for some calls to be made a third time.
    let failing = json!({ "fail_fraction": 0.2 });
    let limited = json!({
        "fail_fraction": 0.04,
        "fail_code": "resource-exhausted",
        "retry_after_ms": 30,
    });
    let reviews = || pause_between(calls_to("reviews"));
    let pricing = || pause_between(calls_to("pricing"));
    shop(
        "retry-pace",
        "Calls that failed are made again after pauses that grow, at instants of their own, and not \
         before they are wanted",
    )
    // So many failures neither use up the budget nor open the breaker, as they would by chance
    // among the first calls.
    .configure(
        "api",
        &json!({
            "retry": { "attempts_max": 3, "token_ratio": 1.0 },
            "breaker": { "failure_percent": 90 },
        }),
    )
    .configure("reviews", &failing)
    .configure("pricing", &limited)
    // Less than the pauses that are asked for.
    .plan(|plan| plan.on_processes(Processes::new().rate_factor(0.2).slack(ms(10))))
    .objective(availability().at_least(0.999))
    .objective(degraded().at_most(0.02))
    .objective(reviews().growing_by(1.4).named("growth of the pauses before a retry"))
    .objective(reviews().spread_at_least(0.5).named("spread of the pauses before a retry"))
    .objective(reviews().at_most(ms(22)))
    .objective(pricing().at_least(ms(30)).named("pauses that a dependency asked for"))
    .objective(pricing().at_most(ms(52)))
    .objective(pricing().spread_at_least(0.05).named("spread of the pauses after them"))
    .build()
}
