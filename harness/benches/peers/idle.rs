//! `idle-hour`: ten hosts that wake up once a second and do nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use squall::{
    BoxError, Scenario, Services,
    plan::{Load, Plan, Topology},
};

const HOSTS: u64 = 10;
const PERIOD: Duration = Duration::from_secs(1);

type Count = Arc<AtomicU64>;

async fn wake_up(count: Count) -> Result<(), BoxError> {
    loop {
        tokio::time::sleep(PERIOD).await;
        count.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn on_squall(lasts: Duration) -> Duration {
    let started = Instant::now();
    let count = Count::default();
    let woken = Arc::clone(&count);
    let services = Services::new().with("idle", move |_: serde_json::Value| wake_up(woken.clone()));
    let hosts = (0..HOSTS).fold(Topology::new(), |topology, host| {
        topology.host(format!("host{host}"), "idle", serde_json::Value::Null)
    });
    // A plan lasts as long as its load: this one asks for something that nobody offers, four
    // times in an hour.
    let load = Load::constant("client", "host0:1", 0.001).lasts(lasts).get("/");
    let plan = Plan::new(hosts.client("client")).load(load);
    let scenario = Scenario::new("idle-hour", "idle is free", plan, services);
    let run = squall::run(&scenario, 1).expect("the plan can be performed");
    assert!(run.record.end.cause.is_complete(), "{}", run.record.end.cause);
    let took = started.elapsed();
    check(&count, lasts);
    took
}

pub(crate) fn on_turmoil(lasts: Duration) -> Duration {
    let started = Instant::now();
    let count = Count::default();
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .simulation_duration(lasts + Duration::from_secs(10))
        .rng_seed(1)
        .build();
    for host in 0..HOSTS {
        let count = Arc::clone(&count);
        sim.host(format!("host{host}"), move || {
            let count = Arc::clone(&count);
            async move { wake_up(count).await.map_err(|error| error as Box<dyn std::error::Error>) }
        });
    }
    sim.client("client", async move {
        tokio::time::sleep(lasts).await;
        Ok(())
    });
    sim.run().expect("the simulation comes to its end");
    let took = started.elapsed();
    check(&count, lasts);
    took
}

fn check(count: &Count, lasts: Duration) {
    let least = HOSTS * (lasts.as_secs() - 1);
    let found = count.load(Ordering::Relaxed);
    assert!(found >= least, "expected at least {least} wake-ups, found {found}");
}
