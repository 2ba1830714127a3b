//! A good version, a better one, and one that fails: to which of them does it go back, and what
//! does the way back cost?

use serde_json::json;
use squall::{
    Scenario,
    objective::{always, any_log, at_most_between},
    plan::{Gate, rollout},
};

use crate::{
    fleet::{Items, deploys, fleet, item_checked, more_pods, secs, v2},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let gate = Gate::new().error_share(0.05, secs(4)).samples_min(20);
    let bad = json!({ "version": "v3", "trouble": { "fail_fraction": 0.3 } });
    let items = Items { count: 100, fresh_for: secs(60), change_every: ms(0) };
    let back = always(deploys("rollback started"), any_log().with("revision", "3").with("to", "2"));
    let first = item_checked().with("version", "v1");
    let third_begins = deploys("rollout started").with("revision", "3");
    let taken_back = deploys("rollout rolled back").with("from", "3");
    let one_short = deploys("endpoints changed").with("endpoints", "2");
    fleet("good-better-bad", "A bad version is rolled back to the better one, at no cost")
        .retries(3)
        .items_checked(items)
        .requests(100.0, secs(60))
        .cluster(more_pods)
        .operation(rollout("cache", v2()).at(secs(1)))
        .operation(rollout("cache", bad).gate(gate).at(secs(28)))
        .objective(back.named("the version that is rolled back to"))
        .objective(
            at_most_between(0, first)
                .of(third_begins, deploys("nothing to roll back to"))
                .named("answers of the first version after the second took its place"),
        )
        .objective(
            at_most_between(0, one_short)
                .of(deploys("rollback started"), taken_back)
                .named("times with fewer than three endpoints on the way back"),
        )
        .keeps_capacity()
        .build()
}
