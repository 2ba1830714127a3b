//! Watchers that neither read nor acknowledge, while a lot changes.

use serde_json::json;
use squall::{
    Scenario,
    objective::{always, every, gauge, logs, sometimes},
};

use crate::{
    shop::ms,
    watch::{applied, changed, watch},
};

const IDLE: u64 = 128;

/// Changes a second, and for how many seconds: all of them have arrived when the run ends.
const CHANGES_PER_S: u64 = 2_000;
const CHANGES_MAX: u64 = 7 * CHANGES_PER_S;

pub(super) fn scenario() -> Scenario {
    let turned_out = || logs("idle watcher turned out").on("idle");
    let watchers = json!({
        "inventory": "http://inventory:50051",
        "watchers": IDLE,
        "products": 100,
        "from_ms": 1_200,
        "idle_ms": 5_000,
    });
    watch(
        "watch-slow-reader",
        "Watchers that do not read cost next to nothing, are turned out in the end, and hold nobody up \
         who reads",
        ms(6_500),
    )
    .configure(
        "inventory",
        &json!({ "stock": {
            "changes_per_s": CHANGES_PER_S,
            "changes_max": CHANGES_MAX,
            "changing": 100,
            "stalled_ms": 2_000,
        } }),
    )
    .plan(|mut plan| {
        plan.topology = plan.topology.host("idle", "idle-watchers", watchers);
        plan
    })
    .objective(gauge("memory_growth_mib").at_most(8).named("memory with watchers that do not read"))
    .objective(sometimes(turned_out()).times_at_least(IDLE))
    .objective(always(turned_out(), turned_out().with("code", "ResourceExhausted")))
    .objective(
        every(changed(), applied())
            .with_same("change")
            .soon(ms(50))
            .named("changes that reach who reads, in time"),
    )
    .build()
}
