//! The broker's machine loses its power at random instants, also in the middle of a write.

use serde_json::json;
use squall::{
    Scenario,
    objective::{accounting, distinct, succeeded},
    plan::{Arrivals, DiskConfig, power_loss, torn_write},
};

use crate::{
    pool::{accepted, no_dead_letters, pool, stored},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    pool(
        "pool-broker-loses-power",
        "A loss of power, in the middle of a write as well, costs no job that was accepted",
    )
    .arrivals(Arrivals::Poisson { rate: 1_000.0 }, ms(1_800))
    // A journal that is rewritten every now and then, also while the power fails.
    .configure(&["broker"], &json!({ "compact_bytes_min": 10_000 }))
    // A disk so slow that there is always something under way.
    .plan(|mut plan| {
        let hosts = plan.topology.hosts.iter_mut();
        for host in hosts.filter(|host| host.name == "broker") {
            host.disk = DiskConfig::default().sync(ms(20));
        }
        plan
    })
    .fault(power_loss("broker").from(ms(300)).spread(ms(400)).until(ms(700)))
    .fault(torn_write("broker").from(ms(1_150)).spread(ms(350)).until(ms(1_550)))
    // Whoever waits for an answer of a machine that is gone waits in vain: one batch at each loss.
    .objective(succeeded().at_least(0.95).over_the_run())
    .objective(accounting(distinct("job", accepted())).equals(distinct("job", stored())))
    .objective(no_dead_letters())
    .build()
}
