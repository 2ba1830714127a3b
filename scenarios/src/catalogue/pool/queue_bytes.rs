//! Fewer jobs than the queue takes, but large ones.

use serde_json::json;
use squall::{
    Scenario,
    objective::{Outcome, accounting, distinct, failed, gauge, requests, shed},
    plan::Arrivals,
};

use crate::{
    pool::{BYTES, accepted, all_done, no_dead_letters, pool, post},
    shop::ms,
};

const BYTES_MAX: u64 = 1_000_000;

pub(super) fn scenario() -> Scenario {
    let large = format!(r#"{{"n":{{id}},"text":"{}"}}"#, "x".repeat(20_000));
    pool("pool-queue-bytes", "A queue that is full in bytes turns jobs away, however few there are")
        .arrivals(Arrivals::Constant { rate: 400.0 }, ms(1_000))
        .configure(&["broker"], &json!({ "bytes_max": BYTES_MAX }))
        .plan(|mut plan| {
            plan.loads = plan.loads.into_iter().map(|load| load.retry(1, ms(1))).collect();
            for load in &mut plan.loads {
                load.mix = vec![post(&large)];
            }
            plan
        })
        .objective(failed().none())
        .objective(shed().at_least(0.3).over_the_run())
        .objective(gauge(BYTES).at_most(BYTES_MAX).on_host("broker"))
        .objective(accounting(requests([Outcome::Succeeded])).equals(distinct("job", accepted())))
        .objective(all_done())
        .objective(no_dead_letters())
        .build()
}
