//! What is new comes with a flag, in a version that runs already, and it is broken.

use std::io;

use reference_services::{cache, catalog};
use serde_json::json;
use squall::{
    Scenario, Services,
    objective::{failed, logs, p99, sometimes},
    plan::{Load, Plan, Processes, RequestSpec, Topology},
};

use crate::{
    fleet::secs,
    from_file::{run, toml},
    shop::ms,
};

const ITEMS: u64 = 200;

/// The flag.
const NAME: &str = "new-answers";

pub(super) fn scenario() -> Scenario {
    let load = Load::constant("clients", "cache:8080", 1_000.0)
        .lasts(secs(9))
        .request(RequestSpec::get("/items/{id}").ids(ITEMS));
    let configured = |percent: &str| {
        logs("a flag is configured").with("flag", NAME).with("percent", percent).on("cache")
    };
    let killed = logs("a flag was killed: more fails with it").with("flag", NAME).on("cache");
    let plan = Plan::new(topology())
        .load(load)
        .on_processes(Processes::new().slack(ms(20)))
        // Half of a fifth fails, and a killed flag stays so: some of the first requests, no more.
        .objective(failed().at_most(0.01).over_the_run().named("requests that a bad flag costs"))
        .objective(sometimes(killed).times_at_most(1))
        .objective(p99().at_most(ms(20)))
        // It comes again, mended, for half of all.
        .objective(sometimes(configured("20")).times_at_most(1))
        .objective(sometimes(configured("50")).times_at_most(1));
    let services =
        Services::new().with("cache-service", flagged).with("catalog-source", catalog::run);
    Scenario::new(
        "flag-kill-switch",
        "A flag that makes a fifth of all items worse turns itself off before it costs one request in \
         a hundred, and comes again when it is mended, while the service runs",
        plan,
        services,
    )
}

/// The cache, with a flag that is broken after two seconds of load, and mended after four more.
async fn flagged(config: cache::Config) -> io::Result<()> {
    let with = |flag: serde_json::Value| {
        let mut changed = config.clone();
        let flag = serde_json::from_value(flag).expect("a flag");
        changed.flags.insert(NAME.to_owned(), flag);
        toml(&changed)
    };
    let broken = with(json!({ "percent": 20, "fail_fraction": 0.5 }));
    let mended = with(json!({ "percent": 50 }));
    run(&config, vec![(secs(3), broken), (secs(7), mended)], cache::run).await
}

fn topology() -> Topology {
    let catalog = json!({ "listen": "0.0.0.0:50061", "items": ITEMS });
    let cache = json!({
        "listen": "0.0.0.0:8080",
        "source": "http://catalog:50061",
        "items": ITEMS,
    });
    Topology::new()
        .host("catalog", "catalog-source", catalog)
        .port(50061)
        .host("cache", "cache-service", cache)
        .port(8080)
        .client("clients")
}
