//! A new version that is not as it should be is taken back before anybody notices.

use serde_json::{Value, json};
use squall::{
    Scenario,
    objective::sometimes,
    plan::{Gate, rollout},
};

use crate::{
    fleet::{deploys, fleet, secs},
    shop::ms,
};

/// Names, what the version does, what is wrong in its configuration, and the bound that says so.
fn versions() -> [(&'static str, &'static str, Value, &'static str); 4] {
    [
        ("never-ready", "never gets ready", json!({ "source": "http://catalog:1" }), "deadline"),
        ("crashes", "crashes", json!({ "trouble": { "crash_after_ms": 2_500 } }), "error_share"),
        ("fails", "answers errors", json!({ "trouble": { "fail_fraction": 0.3 } }), "error_share"),
        ("slow", "is slow", json!({ "trouble": { "slow_ms": 100 } }), "p99"),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    versions().into_iter().map(scenario).collect()
}

fn scenario((name, does, wrong, bound): (&str, &str, Value, &str)) -> Scenario {
    let gate = Gate::new().error_share(0.05, secs(4)).p99(ms(50), secs(4)).samples_min(20);
    let noticed = match bound {
        "deadline" => deploys("progress deadline exceeded").with("revision", "2"),
        bound => deploys("gate closed").with("bound", bound),
    };
    let hypothesis = format!("A version that {does} is rolled back, and no request fails");
    let fleet = fleet(name, hypothesis);
    // What crashes after it was available is missed for a moment.
    let fleet = if name == "crashes" { fleet } else { fleet.keeps_capacity() };
    fleet
        .retries(3)
        .requests(200.0, secs(40))
        .operation(rollout("cache", wrong).gate(gate).at(secs(2)))
        .objective(sometimes(noticed).named(format!("it is noticed by its {bound}")))
        .rolls_back()
        .build()
}
