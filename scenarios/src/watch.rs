//! Stock that is watched: an inventory whose stock changes, a replica that follows it, and a witness that
//! changes one product and looks at what the replica says of it.

use std::time::Duration;

use reference_services::{dependency, stock_replica};
use serde_json::{Value, json};
use squall::{
    Scenario, Services,
    objective::{Matching, Objective, logs, never, sometimes},
    plan::{Fault, Plan, Topology},
};

use crate::{shop::ms, witness::with_witnesses};

/// The products that the replica follows: 1 to this.
const FOLLOWED: u64 = 200;

/// The one that nobody changes but the witness.
const WITNESSED: u64 = FOLLOWED;

/// How often stock changes in a second, besides.
pub(crate) const CHANGES_PER_S: u64 = 200;

/// For how long the hosts run on.
const SETTLE: Duration = Duration::from_secs(1);

/// A change of the stock.
pub(crate) fn changed() -> Matching {
    logs("stock changed").on("inventory")
}

/// The same change in the replica.
pub(crate) fn applied() -> Matching {
    logs("stock applied").on("replica")
}

/// A watch that the inventory begins, and how.
pub(crate) fn begun(how: &str) -> Matching {
    logs("watch begun").on("inventory").with("how", how)
}

/// An answer of the replica, held against what the inventory was told.
pub(crate) fn checked() -> Matching {
    logs("stock checked").on("witness")
}

fn services() -> Services {
    let services = Services::new()
        .with("dependency", dependency::run)
        .with("stock-replica", stock_replica::run);
    with_witnesses(services)
}

/// The inventory and its replica.
fn followed() -> Topology {
    let inventory = json!({
        "kind": "inventory",
        "listen": "0.0.0.0:50051",
        "stock": { "changes_per_s": CHANGES_PER_S, "changing": FOLLOWED - 1 },
    });
    let replica = json!({
        "listen": "0.0.0.0:8090",
        "listen_grpc": "0.0.0.0:50055",
        "inventory": "http://inventory:50051",
        "products": FOLLOWED,
    });
    Topology::new()
        .host("inventory", "dependency", inventory)
        .port(50051)
        .host("replica", "stock-replica", replica)
        .port(8090)
        .port(50055)
}

/// A scenario on stock that is watched, under construction.
pub(crate) struct Watch {
    name: String,
    hypothesis: String,
    plan: Plan,
    witnessed: bool,
}

/// A scenario on stock that is watched: 200 changes a second, and nothing broken yet.
pub(crate) fn watch(name: &str, hypothesis: &str, lasts: Duration) -> Watch {
    let plan = Plan::new(followed()).lasts(lasts).settle(SETTLE);
    Watch { name: name.to_owned(), hypothesis: hypothesis.to_owned(), plan, witnessed: false }
}

impl Watch {
    /// Lets a witness set the stock of one product ten times a second, and ask the replica for it
    /// twice as often. Whatever breaks, no answer may be older than it says, and none may go back to
    /// what was there before.
    pub(crate) fn witnessed(mut self) -> Self {
        // Half a second before the end, so that all of it has arrived then.
        let until = self.plan.boot + self.plan.duration() + SETTLE - ms(500);
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        let witness = json!({
            "inventory": "http://inventory:50051",
            "replica": "replica:8090",
            "product": WITNESSED,
            "from_ms": 500,
            "sets_every_ms": 100,
            "sets_until_ms": until_ms,
            "asks_every_ms": 50,
        });
        self.plan.topology =
            std::mem::take(&mut self.plan.topology).host("witness", "stock-witness", witness);
        self.witnessed = true;
        self
    }

    /// Changes the configuration of a host.
    pub(crate) fn configure(self, host: &str, changes: &Value) -> Self {
        self.plan(|mut plan| {
            plan.topology = std::mem::take(&mut plan.topology).patched(host, changes);
            plan
        })
    }

    /// Adds a fault.
    pub(crate) fn fault(self, fault: Fault) -> Self {
        self.plan(|plan| plan.fault(fault))
    }

    /// Adds an objective.
    pub(crate) fn objective(self, objective: Objective) -> Self {
        self.plan(|plan| plan.objective(objective))
    }

    /// Changes the plan in a way that there is no word for here.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// The scenario, with what its witness must see.
    pub(crate) fn build(mut self) -> Scenario {
        if self.witnessed {
            let seconds = self.plan.duration().as_secs();
            self = self
                // Twenty a second are asked for.
                .objective(sometimes(checked()).times_at_least(15 * seconds))
                .objective(
                    never(checked().with("over_age", "true"))
                        .named("answers that are older than they say"),
                )
                .objective(
                    never(checked().with("back", "true"))
                        .named("answers that go back to what was before"),
                );
        }
        Scenario::new(self.name, self.hypothesis, self.plan, services())
    }
}
