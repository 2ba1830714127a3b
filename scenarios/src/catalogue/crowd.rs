//! More clients connect than the API has places for, and most of them say nothing.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, gauge, logs, sometimes},
    plan::Processes,
};

use crate::shop::shop;

/// Connections that the API may have.
const CONNECTIONS_MAX: u64 = 100;

/// How long it waits for one of them to say something.
const SILENCE_MS: u64 = 500;

/// Those who come and say nothing.
const CROWD: u64 = 300;

/// Tasks of the API besides one for each connection: its own, those of the connections to its
/// dependencies, and one for each call.
const TASKS: u64 = 100;

pub(super) fn scenario() -> Scenario {
    let limits = json!({ "connections_max": CONNECTIONS_MAX, "header_timeout_ms": SILENCE_MS });
    let crowd = json!({ "target": "api:8080", "connections": CROWD, "from_ms": 2_500 });
    shop(
        "crowd",
        "However many connect and say nothing, the API has no more connections than it may, turns \
         the silent ones out, and answers those who have a connection in time",
    )
    .configure("api", &limits)
    .plan(|mut plan| {
        plan.topology = plan.topology.host("crowd", "crowd", crowd);
        plan.on_processes(Processes::new().refused(
            "whoever gives up waiting for a place has sent the request to a proxy, which hands it on",
        ))
    })
    .objective(
        gauge("tasks")
            .at_most(TASKS + CONNECTIONS_MAX)
            .on_host("api")
            .named("connections that the API has at once"),
    )
    .objective(sometimes(logs("silent connection turned out")).times_at_least(CROWD))
    // Who comes when all places are taken waits longer than some have patience.
    .objective(availability().at_least(0.997))
    .build()
}
