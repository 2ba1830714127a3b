//! The broker's machine loses its power while the journal is rewritten all the time.

use serde_json::json;
use squall::{
    Scenario,
    objective::{every, spans, succeeded},
    plan::{Arrivals, Processes, power_loss},
};

use crate::{
    pool::{NOTHING_IS_LOST, WORKERS, acknowledged, all_done, no_dead_letters, pool},
    shop::ms,
};

/// How often the power fails.
const LOSSES: u64 = 15;

/// The shortest time from one loss to the next.
const APART_MS: u64 = 700;

pub(super) fn scenario() -> Scenario {
    let pool = pool(
        "pool-broker-compacts",
        "A journal that is written anew holds what the old one held, whenever the power fails: each \
         job that was answered with 202 is done",
    )
    .arrivals(Arrivals::Poisson { rate: 100.0 }, ms(LOSSES * (APART_MS + 600)))
    // Jobs that are done at once and forgotten soon, so that the journal is mostly history, and
    // hosts that come back soon, so that it stays so.
    .configure(&["api"], &json!({ "latency": { "kind": "constant", "ms": 20.0 } }))
    .configure(&["broker"], &json!({ "compact_bytes_min": 200, "done_max": 10 }))
    .configure(&WORKERS, &json!({ "wait_ms": 50, "rpc_timeout_ms": 150 }))
    .slow_sync("broker", ms(20))
    .plan(|mut plan| {
        // Nobody answers for a machine that has gone.
        plan.loads = plan.loads.into_iter().map(|load| load.timeout(ms(3_000))).collect();
        plan.settle(ms(20_000)).on_processes(Processes::new().refused(NOTHING_IS_LOST))
    });
    let answered = spans("submit").on("broker").with("outcome", "ok");
    (0..LOSSES)
        .map(|nth| ms(500 + nth * (APART_MS + 600)))
        .fold(pool, |pool, at| {
            pool.fault(power_loss("broker").from(at).spread(ms(500)).lasting(ms(100)))
        })
        .objective(succeeded().at_least(0.9).over_the_run())
        // A job that is posted again, because its answer was lost, may be done before it is answered.
        .objective(every(answered, acknowledged()).with_same("job").or_before())
        .objective(all_done())
        .objective(no_dead_letters())
        .build()
}
