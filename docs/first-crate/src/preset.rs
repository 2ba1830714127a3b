//! What the scenarios have in common: the hosts, what runs on them, and the load.

use std::time::Duration;

use serde_json::json;
use squall::{
    Scenario, Services,
    plan::{Load, Plan, RequestSpec, Topology},
};

use crate::{backend, frontend};

/// So many milliseconds.
pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The frontend, its backend and 200 requests a second for five seconds. `breaks` adds what
/// breaks and what must hold.
pub(crate) fn greetings(name: &str, claim: &str, breaks: impl FnOnce(Plan) -> Plan) -> Scenario {
    let topology = Topology::new()
        .host("backend", "backend", json!({ "listen": "0.0.0.0:8081" }))
        .port(8081)
        .host(
            "frontend",
            "frontend",
            json!({
                "listen": "0.0.0.0:8080",
                "backend": "backend:8081",
                "call_timeout_ms": 50,
            }),
        )
        .port(8080)
        .client("users");
    let request = RequestSpec::get("/greeting")
        .expect_present("/greeting")
        .degraded_by("/degraded");
    let load = Load::constant("users", "frontend:8080", 200.0)
        .lasts(ms(5_000))
        // How long a user waits, retries included; this is also what it is by default.
        .timeout(ms(1_000))
        .request(request);
    let services = Services::new()
        .with("backend", backend::run)
        .with("frontend", frontend::run);
    Scenario::new(
        name,
        claim,
        breaks(Plan::new(topology).load(load)),
        services,
    )
}
