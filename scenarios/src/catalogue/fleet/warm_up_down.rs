//! The catalog is down while a new version is rolled out.

use serde_json::{Value, json};
use squall::{
    Scenario,
    objective::{logs, sometimes},
    plan::crash,
};

use crate::fleet::{Fleet, fleet, rollout, secs, v2};

fn without_catalog(name: &str, hypothesis: &str, warm_up: Value, until: u64) -> Fleet {
    fleet(name, hypothesis)
        .pods(json!({ "warm_up": warm_up }))
        .requests(200.0, secs(26))
        .operation(rollout(v2(), secs(2)))
        .fault(crash("catalog").from(secs(1)).until(secs(until)))
        .completes()
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let seeded = logs("seeded").with("from", "peer").with("items", "1000");
    let failed = logs("a range could not be loaded");
    vec![
        without_catalog(
            "warm-up-from-peers",
            "Without the catalog, new pods warm up from those that run",
            json!({ "peer": "lb:8080" }),
            24,
        )
        .objective(sometimes(seeded).times_at_least(3))
        .build(),
        without_catalog(
            "warm-up-waits",
            "Without the catalog and without a peer, a rollout waits until the catalog is back",
            json!({}),
            8,
        )
        .objective(sometimes(failed))
        .build(),
    ]
}
