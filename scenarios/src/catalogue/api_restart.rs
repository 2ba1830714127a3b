//! The API itself is asked to stop under load, and starts again.

use squall::{
    Scenario,
    objective::{
        Outcome, Phase, accounting, availability, count, never, recovers, requests, spans,
    },
    plan::restart,
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    let on_api = || spans("request").on("api");
    shop(
        "api-restart",
        "What the API has accepted when it is asked to stop, it answers, and clients get the answers",
    )
    .fault(restart("api", ms(600)).from(ms(1_500)).until(ms(2_200)))
    .objective(never(on_api().with("outcome", "cancelled")).named("requests that a stop cuts off"))
    .objective(
        accounting(count(on_api().with("outcome", "ok")))
            .equals(requests([Outcome::Succeeded]))
            .named("complete answers, made and received"),
    )
    .objective(availability().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
    .objective(recovers(availability().at_least(0.999)).holding_for(ms(500)).within(ms(500)))
    .build()
}
