//! The configuration of the API changes while it runs, for better and for worse.

use std::io;

use reference_services::aggregation;
use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, degraded, logs, sometimes},
};

use crate::{
    from_file::{run, toml},
    shop::{ms, shop},
};

/// Reviews take 60 ms: with the first of these no page has any, with the second all have.
const IMPATIENT: u64 = 40;
const PATIENT: u64 = 150;

pub(super) fn scenario() -> Scenario {
    let refused = logs("configuration refused, the one before stays").on("api");
    shop(
        "api-reload",
        "A new configuration is taken up without a failed request and without a restart; one with a \
         mistake, or with what only a restart can change, changes nothing",
    )
    .configure("reviews", &json!({ "latency": { "kind": "constant", "ms": 60.0 } }))
    .plan(|mut plan| {
        for load in &mut plan.loads {
            load.lasts = ms(9_500);
        }
        plan
    })
    .services(|services| services.with("aggregation-api", changing))
    .objective(
        availability()
            .at_least(1.0)
            .over_the_run()
            .named("answers while the configuration changes"),
    )
    // Until the file is found to be another one, which is so after 2 to 4 s of 9.5, and the breaker,
    // which has learnt that reviews do not answer, has tried again.
    .objective(degraded().at_least(0.2).over_the_run())
    .objective(degraded().at_most(0.5).over_the_run())
    .objective(
        sometimes(logs("configuration read again").with("changed", "`call_timeout_ms`").on("api"))
            .times_at_most(1),
    )
    .objective(sometimes(refused).times_at_least(2).times_at_most(2))
    .build()
}

/// The API, which has started a second before the load, with a better configuration after a while, then
/// one with a mistake, and one that it cannot take up.
async fn changing(mut config: aggregation::Config) -> io::Result<()> {
    config.call_timeout_ms = PATIENT;
    let better = toml(&config);
    let mistaken =
        better.replace(&format!("call_timeout_ms = {PATIENT}"), "call_timeout_ms = 'long'");
    let listen = std::mem::replace(&mut config.listen, "0.0.0.0:8081".to_owned());
    let elsewhere = toml(&config);
    config.listen = listen;
    config.call_timeout_ms = IMPATIENT;
    let changes = vec![(ms(3_000), better), (ms(5_500), mistaken), (ms(8_000), elsewhere)];
    run(&config, changes, aggregation::run).await
}
