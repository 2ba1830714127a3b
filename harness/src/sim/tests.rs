//! What determinism rests on, shown by switching it off.

use std::{collections::HashMap, time::Duration};

use squall_reports::record::first_divergence;

use crate::{
    Run, Scenario, Services, Signals,
    interpose::Parts,
    plan::{Plan, Topology},
    run::perform::run_parts,
};

/// Two hosts; `order` logs the order of a hash map and `clock` the time of day.
fn scenario() -> Scenario {
    let services = Services::new()
        .with("order", |_: serde_json::Value| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let order: HashMap<u32, ()> = (0..50).map(|number| (number, ())).collect();
            tracing::info!("order {:?}", order.keys().collect::<Vec<_>>());
            std::future::pending::<std::io::Result<()>>().await
        })
        .with("clock", |_: serde_json::Value| async {
            tokio::time::sleep(Duration::from_millis(7)).await;
            tracing::info!("time {:?}", std::time::SystemTime::now());
            std::future::pending::<std::io::Result<()>>().await
        });
    let topology = Topology::new().host("one", "order", serde_json::Value::Null).host(
        "two",
        "clock",
        serde_json::Value::Null,
    );
    let plan = Plan::new(topology).lasts(Duration::from_millis(100));
    Scenario::new("parts", "chance comes from the seed", plan, services)
}

fn run_with(parts: Parts) -> Run {
    run_parts(&scenario(), 1, Signals::default(), parts).expect("the plan can be performed")
}

#[track_caller]
fn part_at(parts: Parts, host: &str, event: &str) {
    let (one, other) = (run_with(parts), run_with(parts));
    assert_ne!(one.record.digest(), other.record.digest());
    let divergence = first_divergence(&one.record, &other.record).expect("the digests differ");
    assert_eq!(divergence.host.as_deref(), Some(host), "{divergence}");
    assert!(divergence.left.as_ref().is_some_and(|left| left.contains(event)), "{divergence}");
    assert!(!divergence.before.is_empty(), "{divergence}");
}

#[test]
fn with_everything_taken_over_two_runs_are_equal() {
    let (one, other) = (run_with(Parts::default()), run_with(Parts::default()));
    assert_eq!(one.record.digest(), other.record.digest());
    assert_eq!(first_divergence(&one.record, &other.record), None);
}

#[test]
fn without_the_randomness_the_first_different_event_and_its_host_are_named() {
    part_at(Parts { randomness: false, wall_clock: true }, "one", "order [");
}

#[test]
fn without_the_wall_clock_the_first_different_event_and_its_host_are_named() {
    part_at(Parts { randomness: true, wall_clock: false }, "two", "time ");
}
