//! A deadline that has two hops to go, while what lies behind them is sometimes slow and cannot be told
//! that nobody waits any more.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, percentile, sometimes},
    plan::{Load, Message, RequestSpec, partition_one_way},
};

use crate::{
    shop::{ms, served_by},
    watch::watch,
};

/// What clients give an answer.
const TIMEOUT: u64 = 100;

pub(super) fn scenario() -> Scenario {
    let latency =
        json!({ "kind": "log-normal", "median_ms": 12.0, "sigma": 1.5, "cap_ms": 1000.0 });
    // Products that the replica does not follow, and asks the inventory for.
    let request = RequestSpec::unary("/inventory.v1.Inventory/GetStock")
        .message(Message::new().number(1, "{id}000"))
        .expect_message(Message::new().number(3, "{id}000"));
    let load = Load::poisson("clients", "replica:50055", 300.0)
        .lasts(ms(5_000))
        .timeout(ms(TIMEOUT))
        .request(request);
    watch(
        "deadline-two-hops",
        "What a client gives an answer holds two hops further: the inventory works no longer for it",
        ms(5_000),
    )
    .configure("inventory", &json!({ "latency": latency }))
    .plan(|mut plan| {
        plan.topology = plan.topology.client("clients");
        plan.load(load)
    })
    .fault(partition_one_way("replica", "inventory").from(ms(1_500)).until(ms(2_000)))
    .fault(partition_one_way("replica", "inventory").from(ms(2_800)).until(ms(3_300)))
    .objective(availability().at_least(0.85).in_phase(squall::objective::Phase::Baseline))
    .objective(sometimes(served_by("inventory")).times_at_least(500))
    .objective(
        percentile(100.0)
            .at_most(ms(TIMEOUT + 2))
            .of_calls(served_by("inventory"))
            .over_the_run()
            .named("how long the inventory works on a call"),
    )
    .build()
}
