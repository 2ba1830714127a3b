//! A node is emptied for maintenance.

use squall::{
    Scenario,
    objective::{at_most_between, every, sometimes},
    plan::drain,
};

use crate::fleet::{deploys, fleet, secs};

pub(super) fn scenario() -> Scenario {
    let started = || deploys("drain started").with("node", "node-a");
    let drained = || deploys("node drained").with("node", "node-a");
    let too_few = deploys("endpoints changed").with("endpoints", "1");
    fleet("drain", "A node is drained pod by pod, as far as the disruption budget allows")
        .cluster(|mut cluster| {
            // The node has two of the three pods.
            cluster.nodes.truncate(2);
            cluster
        })
        .min_available(2)
        .operation(drain("node-a").at(secs(3)))
        .objective(
            sometimes(deploys("eviction refused")).named("the budget holds an eviction back"),
        )
        .objective(every(started(), drained()).soon(secs(30)).named("the node is drained"))
        .objective(
            at_most_between(0, too_few)
                .of(started(), drained())
                .named("times with fewer than two endpoints during the drain"),
        )
        .build()
}
