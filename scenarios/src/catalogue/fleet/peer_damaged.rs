//! What new pods warm up from arrives damaged.

use serde_json::json;
use squall::{
    Scenario,
    objective::{logs, never, sometimes},
    plan::corrupt_answer,
};

use crate::fleet::{Items, fleet, more_pods, rollout, secs, seed, v2};

pub(super) fn scenario() -> Scenario {
    let items = Items { count: 40, fresh_for: secs(60), change_every: secs(3_600) };
    let taken_over = logs("seeded").with("from", "peer");
    let refused = logs("could not be seeded").with("from", "peer");
    fleet("peer-damaged", "A pod does not take over a snapshot that was damaged on its way")
        .items_checked(items)
        .requests(50.0, secs(58))
        .plan(|mut plan| {
            plan.topology = plan.topology.host("seed", "cache-service", seed(items)).port(8080);
            plan
        })
        .pods(json!({ "warm_up": { "peer": "seed:8080" } }))
        .fault(corrupt_answer("seed", 1.0).from(secs(0)).until(secs(57)))
        .cluster(more_pods)
        .operation(rollout(v2(), secs(1)))
        .operation(rollout(json!({ "version": "v3" }), secs(20)))
        .operation(rollout(json!({ "version": "v4" }), secs(39)))
        .objective(sometimes(refused).times_at_least(6))
        .objective(never(taken_over).named("damaged snapshots that were taken over"))
        .completes()
        .build()
}
