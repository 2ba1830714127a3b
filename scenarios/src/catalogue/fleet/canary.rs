//! A new version gets a small share of the requests first, and more as long as it holds.

use serde_json::{Value, json};
use squall::{
    Scenario,
    objective::{every, never, sometimes},
    plan::{Gate, Operation, canary},
};

use crate::fleet::{Fleet, deploys, fleet, secs, v2};

/// The budget of 99 % may burn ten times as fast as allowed, and no faster.
fn canary_of(patch: Value) -> Operation {
    let gate = Gate::new().burn_rate(0.99, 10.0, secs(4), secs(2)).samples_min(20);
    canary("cache", patch).weights(&[10, 50, 100], secs(5)).gate(gate).at(secs(2))
}

fn with(name: &str, hypothesis: &str, patch: Value) -> Fleet {
    fleet(name, hypothesis).retries(3).requests(300.0, secs(36)).operation(canary_of(patch))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let promoted = || deploys("canary promoted").with("revision", "2");
    let closed = deploys("gate closed").with("bound", "burn_rate");
    vec![
        with("canary", "A canary that holds its objective takes over, step by step", v2())
            .objective(sometimes(deploys("canary step")).times_at_least(3))
            .objective(every(deploys("rollout started").with("revision", "2"), promoted()))
            .build(),
        with(
            "canary-halted",
            "A canary that burns its error budget is halted, and no request fails",
            json!({ "version": "v2", "trouble": { "fail_fraction": 0.3 } }),
        )
        .objective(sometimes(closed).named("the burn rate closes the gate"))
        .objective(never(promoted()))
        .rolls_back()
        .build(),
    ]
}
