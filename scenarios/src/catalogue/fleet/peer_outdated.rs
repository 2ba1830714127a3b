//! What new pods warm up from is older than they may answer with.

use serde_json::json;
use squall::{
    Scenario,
    objective::{logs, sometimes},
};

use crate::{
    fleet::{Items, fleet, none_over_age, rollout, secs, seed, v2},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let items = Items { count: 100, fresh_for: secs(8), change_every: ms(200) };
    let seeded = logs("seeded").with("from", "peer").with("items", "100");
    fleet("peer-outdated", "A pod does not answer with what was too old when it took it over")
        .items_checked(items)
        .requests(50.0, secs(24))
        .plan(|mut plan| {
            plan.topology = plan.topology.host("seed", "cache-service", seed(items)).port(8080);
            plan
        })
        .pods(json!({ "warm_up": { "peer": "seed:8080" } }))
        .operation(rollout(v2(), secs(6)))
        .objective(sometimes(seeded).times_at_least(3))
        .objective(none_over_age())
        .completes()
        .build()
}
