//! A version is overtaken by the next one.

use serde_json::json;
use squall::{Scenario, objective::every};

use crate::fleet::{deploys, fleet, rollout, secs, v2};

pub(super) fn scenario() -> Scenario {
    let started = deploys("rollout started").with("revision", "3");
    let complete = deploys("rollout complete").with("revision", "3");
    fleet("twice", "A rollout that begins while another one is under way overtakes it")
        .operation(rollout(v2(), secs(2)))
        .operation(rollout(json!({ "version": "v3" }), secs(8)))
        .objective(
            every(started, complete)
                .soon(secs(25))
                .named("the third version takes the place of the others"),
        )
        .build()
}
