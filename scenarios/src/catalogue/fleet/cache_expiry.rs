//! A cache that is filled on demand, whose items are all loaded at the same time, and one that
//! everybody wants.

use reference_services::{cache, catalog};
use serde_json::json;
use squall::{
    Scenario, Services,
    objective::{failed, logs, percentile, sometimes},
    plan::{Load, Plan, RequestSpec, Topology},
};

use crate::{fleet::secs, shop::ms};

/// How old an item may be.
const FRESH_FOR_MS: u64 = 2_000;

/// How long the catalog takes for an item.
const LOAD_MS: u64 = 50;

const ITEMS: u64 = 200;

pub(super) fn scenarios() -> Vec<Scenario> {
    let hot = Load::poisson("clients", "cache:8080", 500.0)
        .lasts(secs(10))
        .timeout(secs(3))
        .warm_up(0)
        .get("/items/1");
    // Each of them ten times a second.
    let all = Load::constant("clients", "cache:8080", 2_000.0)
        .lasts(secs(10))
        .timeout(secs(3))
        .warm_up(0)
        .request(RequestSpec::get("/items/{id}").ids(ITEMS));
    let loads = || logs("item fetched by itself").on("catalog");
    let hot = Plan::new(topology())
        .load(hot)
        .objective(failed().none())
        // One at first, and one in each three quarters of its shortest time.
        .objective(
            sometimes(loads().with("item", "1"))
                .times_at_least(4)
                .times_at_most(12)
                .named("loads of an item that everybody wants"),
        );
    let all = Plan::new(topology())
        .load(all)
        .objective(failed().none())
        .objective(sometimes(loads()).times_at_least(4 * ITEMS))
        // One in seventy waits at first, when nothing is there.
        .objective(
            percentile(97.0).at_most(ms(LOAD_MS / 2)).named("p97 latency when items expire"),
        );
    let scenario = |name: &str, hypothesis: &str, plan: Plan| {
        let services =
            Services::new().with("cache-service", cache::run).with("catalog-source", catalog::run);
        Scenario::new(name, hypothesis, plan, services)
    };
    vec![
        scenario(
            "cache-hot-key",
            "An item that everybody wants is loaded once when it is missing, and once when it expires",
            hot,
        ),
        scenario(
            "cache-expiry",
            "Items that were loaded together are loaded again one after the other, before anybody has \
             to wait for one",
            all,
        ),
    ]
}

fn topology() -> Topology {
    let catalog = json!({
        "listen": "0.0.0.0:50061",
        "items": ITEMS,
        "latency": { "kind": "constant", "ms": LOAD_MS },
    });
    let cache = json!({
        "listen": "0.0.0.0:8080",
        "source": "http://catalog:50061",
        "items": ITEMS,
        "on_demand": true,
        "fresh_for_ms": FRESH_FOR_MS,
    });
    Topology::new()
        .host("catalog", "catalog-source", catalog)
        .port(50061)
        .host("cache", "cache-service", cache)
        .port(8080)
        .client("clients")
}
