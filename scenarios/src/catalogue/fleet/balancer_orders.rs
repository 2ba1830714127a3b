//! Requests that change something, to pods whose answers come too late or not at all.

use squall::{
    Scenario,
    objective::{Phase, failed, logs, once_per, sometimes},
    plan::{RequestSpec, latency, reset_peer},
};

use crate::{balanced::balanced, fleet::secs, shop::ms};

pub(super) fn scenario() -> Scenario {
    let order = RequestSpec::new("POST", "/orders/{request}");
    let (orders, work) = (order.route.clone(), "GET /work/{id}");
    let once = once_per("order", logs("order taken"));
    balanced("orders", "What may have changed something is sent once, what may not is sent again")
        .requests(order, 100.0, secs(10))
        .fault(latency("pod-b", ms(700)).from(secs(2)).until(secs(3)))
        .fault(reset_peer("pod-c", ms(0)).from(secs(4)).until(secs(5)))
        .objective(once.named("orders that reach a pod once"))
        .objective(sometimes(logs("order taken")).times_at_least(900))
        .objective(failed().none().on_route(work))
        .objective(failed().none().on_route(&orders).in_phases([Phase::Baseline, Phase::After]))
        .build()
}
