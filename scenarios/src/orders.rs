//! The orders: the service that takes them, those who take part in them, who tells customers, and what is
//! expected of all of them whatever breaks.

use std::time::Duration;

use reference_services::{notifications, orders, participant};
use serde_json::{Value, json};
use squall::{
    Scenario, Services,
    objective::{
        Matching, Objective, Outcome, accounting, concurrency_of, distinct, every, gauge, logs,
        never, once_per, only_after, requests, returns_to_baseline, spans,
    },
    plan::{Arrivals, DiskConfig, Fault, Load, Plan, Processes, RequestSpec, Scrape, Topology},
};

use crate::{shop::ms, witness::with_witnesses};

/// Those who take part, with their ports for sagas and for operators.
const PARTIES: [(&str, u16, u16); 3] =
    [("stock", 50081, 8091), ("payments", 50082, 8092), ("shipping", 50083, 8093)];

/// Their names.
pub(crate) const PARTY_NAMES: [&str; 3] = ["stock", "payments", "shipping"];

/// Calls at once to each of them.
const CALLS_MAX: u64 = 64;

/// What of the orders is read from their metrics.
pub(crate) const OPEN: &str = "orders_open";
const OUTBOX: &str = "orders_outbox";

/// How long before the end the books are read.
const AUDIT: Duration = Duration::from_millis(2_000);

/// A call of the orders to one who takes part.
pub(crate) fn call(party: &str) -> Matching {
    spans("call").on("orders").with("dependency", party)
}

/// A card that was charged.
pub(crate) fn charged() -> Matching {
    logs("card charged").on("payments")
}

/// A charge that was taken back.
pub(crate) fn refunded() -> Matching {
    logs("card refunded").on("payments")
}

/// Something that was asked for again, and had been done.
pub(crate) fn asked_again(party: &str) -> Matching {
    logs("nothing was left to do").on(party).with("asks", "perform")
}

/// A customer was told of something.
pub(crate) fn notified() -> Matching {
    logs("customer notified").on("notifications")
}

/// What the books say of an order.
pub(crate) fn audited() -> Matching {
    logs("order audited").on("auditor")
}

fn services() -> Services {
    let services = Services::new()
        .with("orders", orders::run)
        .with("participant", participant::run)
        .with("notifications", notifications::run);
    with_witnesses(services)
}

fn topology() -> Topology {
    let orders = json!({
        "listen": "0.0.0.0:8090",
        "stock": "http://stock:50081",
        "payments": "http://payments:50082",
        "shipping": "http://shipping:50083",
        "notifications": "http://notifications:50084",
        "calls_max": CALLS_MAX,
        "call_timeout_ms": 500,
        "give_up_after_ms": 5_000,
        "backoff": { "base_ms": 50, "cap_ms": 1_000 },
    });
    let notifications = json!({ "listen": "0.0.0.0:50084", "listen_http": "0.0.0.0:8094" });
    let mut topology = Topology::new().host("orders", "orders", orders).port(8090);
    for (kind, port, http) in PARTIES {
        let config = json!({
            "kind": kind,
            "listen": format!("0.0.0.0:{port}"),
            "listen_http": format!("0.0.0.0:{http}"),
        });
        topology = topology.host(kind, "participant", config).port(port).port(http);
    }
    topology
        .host("notifications", "notifications", notifications)
        .port(50084)
        .port(8094)
        .client("clients")
        .client("operator")
}

/// A scenario on the orders, under construction.
pub(crate) struct Orders {
    name: String,
    hypothesis: String,
    plan: Plan,
    services: Services,
}

/// A scenario on the orders: 100 a second at random for three seconds, and nothing broken yet.
pub(crate) fn orders(name: &str, hypothesis: &str) -> Orders {
    let body =
        r#"{"id":"o-{request}","customer":"c-{id}","item":{id},"quantity":2,"amount_minor":1999}"#;
    let place = RequestSpec::new("POST", "/orders")
        .body(body)
        .expect_equal("/id", r#""o-{request}""#)
        .expect_error_type("application/problem+json");
    // An order that was not accepted is handed in again, as the same one.
    let load = Load::poisson("clients", "orders:8090", 100.0)
        .lasts(ms(3_000))
        .timeout(ms(10_000))
        .retry(20, ms(200))
        .warm_up(0)
        .request(place);
    let scrape = Scrape::new("operator", "orders:8090").series(OPEN).series(OUTBOX);
    let plan = Plan::new(topology())
        .load(load)
        .scrape(scrape)
        .settle(ms(15_000))
        .on_processes(Processes::new().slack(ms(50)));
    Orders {
        name: format!("orders-{name}"),
        hypothesis: hypothesis.to_owned(),
        plan,
        services: services(),
    }
}

impl Orders {
    /// Sets when orders arrive, and for how long.
    pub(crate) fn arrivals(self, arrivals: Arrivals, lasts: Duration) -> Self {
        self.plan(|mut plan| {
            for load in &mut plan.loads {
                (load.arrivals, load.lasts) = (arrivals.clone(), lasts);
            }
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

    /// Changes the configuration of these hosts.
    pub(crate) fn configure(self, hosts: &[&str], changes: &Value) -> Self {
        self.plan(|mut plan| {
            let topology = std::mem::take(&mut plan.topology);
            plan.topology =
                hosts.iter().fold(topology, |topology, host| topology.patched(host, changes));
            plan
        })
    }

    /// Gives a host a disk whose syncs take so long.
    pub(crate) fn slow_sync(self, host: &str, sync: Duration) -> Self {
        self.plan(|mut plan| {
            let hosts = plan.topology.hosts.iter_mut();
            for host in hosts.filter(|found| found.name == host) {
                host.disk = DiskConfig::default().sync(sync);
            }
            plan
        })
    }

    /// Each order that was accepted is in the books in the end, and no other one.
    pub(crate) fn all_in_books(self) -> Self {
        let accepted = accounting(requests([Outcome::Succeeded]));
        self.objective(
            accepted
                .equals(distinct("order", audited()))
                .named("orders in the books for those that were accepted"),
        )
    }

    /// Each of them was completed.
    pub(crate) fn all_completed(self) -> Self {
        let all = distinct("order", audited().with("effects", "all"));
        self.objective(
            accounting(distinct("order", audited()))
                .equals(all)
                .named("orders of which all is in effect"),
        )
    }

    /// Changes the plan in a way that there is no word for here.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// Adds what holds whatever breaks. By the books of those who take part, which are read when nothing
    /// is under way any more: of each order that was accepted all is in effect, once, or nothing, and its
    /// customer was told once that it is placed and then once which of the two. By their logs: nothing
    /// was ever done twice. And calls are bounded, the outbox is empty in the end, and no order is open.
    pub(crate) fn build(self) -> Scenario {
        let Self { name, hypothesis, mut plan, services } = self;
        let at = plan.boot + plan.duration() + plan.settle.saturating_sub(AUDIT);
        let parties = PARTIES.map(|(name, _, http)| format!("{name}:{http}"));
        let auditor = json!({
            "parties": parties,
            "notifications": "notifications:8094",
            "at_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        });
        plan.topology = std::mem::take(&mut plan.topology).host("auditor", "auditor", auditor);
        let first = |what: Matching| what.with("recovered", "false");
        let accepted = spans("place").on("orders").with("outcome", "ok");
        let plan = plan
            .objective(
                never(audited().with("effects", "some"))
                    .named("orders of which some is in effect and some is not"),
            )
            .objective(
                never(audited().with("agrees", "false"))
                    .named("customers who were not told once what became of their order"),
            )
            .objective(
                every(accepted, audited())
                    .with_same("order")
                    .named("orders that were accepted and are in the books"),
            )
            .objective(once_per("order", first(charged())).named("charges of an order"))
            .objective(
                once_per("order", first(logs("stock reserved").on("stock")))
                    .named("reservations for an order"),
            )
            .objective(
                once_per("order", first(logs("parcel shipped").on("shipping")))
                    .named("parcels of an order"),
            )
            .objective(once_per("event", first(notified())).named("notifications of an event"))
            .objective(
                // Completed or cancelled.
                only_after(notified().with("kind", "c*"), notified().with("kind", "placed"))
                    .with_same("order")
                    .named("customers who are told what became of an order that was placed"),
            )
            .objective(returns_to_baseline(OUTBOX).on_host("orders"))
            .objective(returns_to_baseline(OPEN).on_host("orders"))
            .objective(gauge("memory_growth_mib").at_most(64));
        let plan = PARTY_NAMES.iter().fold(plan, |plan, party| {
            plan.objective(concurrency_of(call(party)).at_most(CALLS_MAX))
        });
        Scenario::new(name, hypothesis, plan, services)
    }
}
