//! `aggregate-5k`: 5,000 requests a second for four simulated seconds, each of which makes the
//! gateway ask four services that take 5, 10, 15 and 20 milliseconds.

use std::time::{Duration, Instant};

use squall_reports::record::Outcome;

use crate::{
    app::{App, CLIENT, Demand, GATEWAY, LATENCY, SERVICES},
    client::{Entries, send_all},
    on_squall::Detail,
    rivals::{Pipes, Turmoil},
};

/// On Squall, with everything that a test gets: the load, the record, the verdict.
pub(crate) fn on_squall(demand: Demand, detail: Detail) -> Duration {
    let started = Instant::now();
    let run = crate::on_squall::run(demand, detail);
    let took = started.elapsed();
    assert!(run.record.end.cause.is_complete(), "{}", run.record.end.cause);
    let succeeded =
        run.record.requests().filter(|(_, request)| request.outcome == Outcome::Succeeded).count();
    assert_eq!(succeeded, demand.requests() as usize, "requests that succeeded");
    let spans = if detail.spans { 5 * succeeded } else { 0 };
    // What warms the services up before the load begins is of no request.
    let found = run.record.spans().filter(|(_, span)| span.request != 0).count();
    assert_eq!(found, spans, "spans of requests in the record");
    took
}

/// On `turmoil`, with a tick of one millisecond.
pub(crate) fn on_turmoil(demand: Demand) -> Duration {
    let started = Instant::now();
    let entries = Entries::default();
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .simulation_duration(demand.lasts + Duration::from_secs(10))
        .tcp_capacity(4096)
        .rng_seed(1)
        .build();
    let app = App { net: Turmoil, traced: false };
    for (name, takes) in SERVICES {
        let app = app.clone();
        sim.host(name, move || {
            let app = app.clone();
            async move { Ok(app.service(name, takes).await?) }
        });
    }
    sim.host(GATEWAY, move || {
        let app = app.clone();
        async move { Ok(app.gateway().await?) }
    });
    let written = entries.clone();
    sim.client(CLIENT, async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        send_all(Turmoil, demand, written).await;
        Ok(())
    });
    sim.run().expect("the simulation comes to its end");
    let took = started.elapsed();
    check(&entries, demand);
    took
}

/// On pipes, in one paused runtime: what the services and the client cost by themselves.
pub(crate) fn on_pipes(demand: Demand) -> Duration {
    let started = Instant::now();
    let entries = Entries::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    let app = App { net: Pipes::default(), traced: false };
    let written = entries.clone();
    runtime.block_on(async move {
        for (name, takes) in SERVICES {
            tokio::spawn(app.clone().service(name, takes));
        }
        tokio::spawn(app.clone().gateway());
        tokio::time::sleep(Duration::from_secs(1)).await;
        send_all(app.net, demand, written).await;
    });
    drop(runtime);
    let took = started.elapsed();
    check(&entries, demand);
    took
}

fn check(entries: &Entries, demand: Demand) {
    let entries = entries.lock().expect("nothing panics while it holds the lock");
    let succeeded = entries.iter().filter(|entry| entry.succeeded).count();
    assert_eq!(succeeded, demand.requests() as usize, "requests that succeeded");
}
