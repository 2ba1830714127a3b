//! More clients connect than the broker has places for, and most of them say nothing.

use serde_json::json;
use squall::{
    Scenario,
    objective::{
        Outcome, accounting, distinct, gauge, logs, p50, p99, requests, sometimes, succeeded,
    },
};

use crate::{
    pool::{accepted, all_done, no_dead_letters, pool},
    shop::ms,
};

/// Connections that the broker may have.
const CONNECTIONS_MAX: u64 = 40;

/// How long it waits for one of them to say something.
const SILENCE_MS: u64 = 500;

/// Those who come and say nothing.
const CROWD: u64 = 120;

/// Tasks of the broker besides one for each connection: its own, and those of the connections to
/// its workers.
const TASKS: u64 = 20;

pub(super) fn scenario() -> Scenario {
    let limits = json!({ "connections_max": CONNECTIONS_MAX, "header_timeout_ms": SILENCE_MS });
    let crowd = json!({ "target": "broker:8050", "connections": CROWD, "from_ms": 2_000 });
    // All of them in turn, as many at once as there are places.
    let turned_out = ms(SILENCE_MS * (CROWD / CONNECTIONS_MAX + 2));
    pool(
        "pool-crowd",
        "However many connect and say nothing, the broker has no more connections than it may, turns \
         the silent ones out, and goes on with those who post jobs",
    )
    .configure(&["broker"], &json!({ "http": limits }))
    .plan(|mut plan| {
        plan.topology = plan.topology.host("crowd", "crowd", crowd);
        plan
    })
    .objective(
        gauge("tasks")
            .at_most(TASKS + CONNECTIONS_MAX)
            .on_host("broker")
            .named("connections that the broker has at once"),
    )
    .objective(sometimes(logs("silent connection turned out")).times_at_least(CROWD))
    .objective(succeeded().at_least(1.0).over_the_run())
    // Who has a connection does not notice, and who needs one waits for a place.
    .objective(p50().at_most(ms(20)).on_host("clients"))
    .objective(p99().at_most(turned_out).on_host("clients"))
    .objective(accounting(requests([Outcome::Succeeded])).equals(distinct("job", accepted())))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
