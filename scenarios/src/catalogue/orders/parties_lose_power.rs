//! The machines of those who take part, and of who tells customers, lose their power at random instants.

use serde_json::json;
use squall::{
    Scenario,
    objective::{sometimes, succeeded},
    plan::{Processes, power_loss},
};

use crate::{
    orders::{PARTY_NAMES, call, orders},
    pool::NOTHING_IS_LOST,
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let [stock, payments, shipping] = PARTY_NAMES;
    let hosts = [stock, payments, shipping, "notifications"];
    let mut orders = orders(
        "parties-lose-power",
        "What one who takes part has answered for is in its book, whenever the power fails, and what it \
         has not answered for is asked for again and done once",
    )
    .configure(&hosts, &json!({ "compact_bytes_min": 2_000 }))
    .plan(|plan| plan.on_processes(Processes::new().refused(NOTHING_IS_LOST)));
    for (nth, host) in (0..).zip(hosts) {
        orders = orders
            .slow_sync(host, ms(10))
            .fault(power_loss(host).from(ms(300 + nth * 150)).spread(ms(400)).lasting(ms(200)))
            .fault(power_loss(host).from(ms(1_700 + nth * 150)).spread(ms(400)).lasting(ms(200)));
    }
    orders
        .objective(succeeded().at_least(1.0).over_the_run())
        .objective(sometimes(call(payments).with("outcome", "error")))
        .all_in_books()
        .build()
}
