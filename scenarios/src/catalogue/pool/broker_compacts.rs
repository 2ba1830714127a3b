//! The broker's machine loses its power while the journal is written anew all the time.

use serde_json::json;
use squall::{
    Scenario,
    objective::{accounting, distinct, requests, succeeded},
    plan::{Arrivals, power_loss},
};

use crate::{
    pool::{WORKERS, acknowledged, all_done, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let pool = pool(
        "pool-broker-compacts",
        "A journal that is written anew holds what the old one held, whenever the power fails: each \
         job that was answered with 202 is done",
    )
    .arrivals(Arrivals::Poisson { rate: 200.0 }, ms(3_000))
    // Jobs that are done at once and forgotten soon, so that the journal is mostly history.
    .configure(&WORKERS, &json!({ "wait_ms": 200, "rpc_timeout_ms": 300 }))
    .configure(&["api"], &json!({ "latency": { "kind": "constant", "ms": 20.0 } }))
    .configure(&["broker"], &json!({ "compact_bytes_min": 200, "done_max": 10 }))
    .slow_sync("broker", ms(20))
    .plan(|mut plan| {
        // Nobody answers for a machine without power.
        plan.loads = plan.loads.into_iter().map(|load| load.timeout(ms(500))).collect();
        plan
    });
    // Six instants, one in each half of a second.
    (0..6)
        .map(|nth| ms(300 + 450 * nth))
        .fold(pool, |pool, at| {
            pool.fault(power_loss("broker").from(at).spread(ms(200)).lasting(ms(100)))
        })
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(accounting(requests([])).equals(distinct("job", acknowledged())))
        .objective(all_done())
        .objective(no_dead_letters())
        .build()
}
