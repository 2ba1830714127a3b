//! Somebody starts a second broker on the journal of the one that runs.

use http::Request;
use reference_services::{queue_broker, server::Error};
use serde_json::json;
use squall::{
    Scenario,
    objective::{every, logs, sometimes, spans, succeeded},
    plan::{Arrivals, crash},
};
use tokio::time::sleep;

use crate::{
    pool::{acknowledged, all_done, no_dead_letters, pool},
    shop::ms,
    witness::client::send,
};

pub(super) fn scenario() -> Scenario {
    let answered = spans("submit").on("broker").with("outcome", "ok");
    let refused = |port: &str| logs("a second broker was refused").with("port", port);
    pool(
        "pool-broker-started-twice",
        "A second broker on a journal that is in use is refused, whether or not its ports are free, \
         and costs no job that was answered with 202",
    )
    .arrivals(Arrivals::Poisson { rate: 200.0 }, ms(3_000))
    .services(|services| services.with("queue-broker", started_twice))
    // Whoever reads the journal next has to find all that is in it.
    .fault(crash("broker").from(ms(2_300)).spread(ms(300)).until(ms(2_900)))
    .objective(sometimes(refused("taken")))
    .objective(sometimes(refused("free")))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(
        every(answered, acknowledged())
            .with_same("job")
            .or_before()
            .named("jobs that were answered with 202 and are done"),
    )
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}

/// A broker, and two more that are started on its journal while it runs.
async fn started_twice(config: queue_broker::Config) -> Result<(), Error> {
    let again = async {
        sleep(ms(2_000)).await;
        start(config.clone(), "taken").await;
        sleep(ms(600)).await;
        let mut elsewhere = config.clone();
        let host = config.listen.split_once(':').map_or("", |(host, _)| host);
        elsewhere.listen = format!("{host}:8051");
        elsewhere.listen_workers = format!("{host}:50081");
        tokio::join!(start(elsewhere.clone(), "free"), post_to(&elsewhere.listen));
        std::future::pending().await
    };
    tokio::select! {
        ended = queue_broker::run(config.clone().into()) => ended,
        ended = again => ended,
    }
}

/// Starts another broker, and says why it has ended.
async fn start(config: queue_broker::Config, port: &str) {
    if let Err(error) = queue_broker::run(config.into()).await {
        tracing::info!(port, %error, "a second broker was refused");
    }
}

/// Posts jobs to the other broker, if there is one.
async fn post_to(listen: &str) {
    let at = listen.replace("0.0.0.0", "127.0.0.1");
    for number in 0..20 {
        sleep(ms(10)).await;
        let job = json!({ "id": format!("astray-{number}"), "payload": number }).to_string();
        // Nobody is there, if all is well.
        let _ = send(&at, Request::post("/jobs"), job).await;
    }
}
