//! The machine of the orders loses its power at random instants, also in the middle of a write, while its
//! journal is rewritten all the time.

use serde_json::json;
use squall::{
    Scenario,
    objective::succeeded,
    plan::{Arrivals, Processes, power_loss, torn_write},
};

use crate::{orders::orders, pool::NOTHING_IS_LOST, shop::ms};

/// How often the power fails.
const LOSSES: u64 = 6;

pub(super) fn scenario() -> Scenario {
    let orders = orders(
        "lose-power",
        "A loss of power, in the middle of a write as well, leaves no order half done and no customer \
         untold",
    )
    .arrivals(Arrivals::Poisson { rate: 100.0 }, ms(6_000))
    .configure(&["orders"], &json!({ "compact_bytes_min": 4_000, "final_max": 50 }))
    // A disk so slow that there is always something under way.
    .slow_sync("orders", ms(10))
    .plan(|plan| plan.on_processes(Processes::new().refused(NOTHING_IS_LOST)));
    (0..LOSSES)
        .map(|nth| (nth, ms(500 + nth * 900)))
        .fold(orders, |orders, (nth, at)| {
            let fault = if nth % 2 == 0 { power_loss("orders") } else { torn_write("orders") };
            orders.fault(fault.from(at).spread(ms(500)).lasting(ms(200)))
        })
        // Whoever waits for an answer of a machine that is gone waits in vain: one batch at each loss.
        .objective(succeeded().at_least(0.95).over_the_run())
        .build()
}
