//! A node loses its power in the middle of a rollout.

use squall::{Scenario, objective::sometimes, plan::power_loss};

use crate::{
    fleet::{deploys, fleet, rollout, secs, v2},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    fleet("node-lost", "A node that is lost in the middle of a rollout costs no request")
        .retries(3)
        .requests(300.0, secs(40))
        .cluster(|cluster| cluster.node_monitor_grace(secs(4)).toleration(secs(5)))
        .operation(rollout(v2(), secs(2)))
        .fault(power_loss("node-b").from(ms(6_500)).until(secs(25)))
        .objective(sometimes(deploys("node not ready")))
        .completes()
        .build()
}
