//! Workers, broker and store speak mutual TLS, and their connections are broken off now and then.

use serde_json::json;
use squall::{
    Scenario,
    objective::succeeded,
    plan::{Processes, reset},
};

use crate::{
    certificates::{NAMES_ARE_ADDRESSES, client, of_pool, server},
    pool::{WORKERS, all_done, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let tls = client("worker");
    let worker = json!({
        "queue": "https://broker:50071", "result_store": "https://store:50072", "tls": tls
    });
    pool(
        "pool-mutual-tls",
        "With mutual TLS to broker and store each job is done once, also when connections break off",
    )
    .services(of_pool)
    .configure(&["broker"], &json!({ "grpc": { "tls": server("broker") } }))
    .configure(&["store"], &json!({ "grpc": { "tls": server("store") } }))
    .configure(&WORKERS, &worker)
    .plan(|plan| plan.on_processes(Processes::new().refused(NAMES_ARE_ADDRESSES)))
    .fault(reset("store").from(ms(1_200)).until(ms(1_300)))
    .fault(reset("worker-1").from(ms(1_500)).until(ms(1_600)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
