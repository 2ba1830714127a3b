//! Each planted mistake shows, and only when it is switched on.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use reference_services::{
    aggregation::Defect,
    dependency::{Config, Kind, Latency},
};
use serde_json::json;
use tokio::time::timeout;

use crate::world::{Plan, World};

fn takes_100_ms(config: &mut Config) {
    config.latency = Some(Latency::Constant { ms: 100.0 });
}

async fn with(plan: Plan, defect: Option<Defect>) -> World {
    plan.api(|config| config.defects.extend(defect)).start().await
}

async fn timed(world: &World) -> (serde_json::Value, Duration) {
    let begun = Instant::now();
    let answer = world.get("/products/1").await;
    (answer.json(), begun.elapsed())
}

#[tokio::test]
async fn sequential_calls_add_up() {
    let slow =
        || Kind::ALL.into_iter().fold(Plan::default(), |plan, kind| plan.tuned(kind, takes_100_ms));
    let (document, _) = timed(&with(slow(), None).await).await;
    assert_eq!(document["degraded"], json!([]));
    let world = with(slow(), Some(Defect::SequentialCalls)).await;
    let (document, took) = timed(&world).await;
    assert_eq!(document["degraded"], json!(["pricing", "reviews", "recommendations"]));
    assert!(took >= Duration::from_millis(179), "{took:?}");
}

#[tokio::test]
async fn no_call_timeout_waits() {
    let world = with(Plan::default().hanging(Kind::Reviews), Some(Defect::NoCallTimeout)).await;
    let answer = timeout(Duration::from_millis(600), world.get("/products/1")).await;
    assert!(answer.is_err(), "it answered without the reviews");
}

#[tokio::test]
async fn detached_deadline_answers_late() {
    let world = with(Plan::default().hanging(Kind::Reviews), Some(Defect::DetachedDeadline)).await;
    let (document, took) = timed(&world).await;
    assert_eq!(document["degraded"], json!(["reviews"]));
    assert!(took >= Duration::from_millis(499), "{took:?}");
}

#[tokio::test]
async fn client_per_request_connects_for_each_call() {
    for (defect, expected) in [(None, 4), (Some(Defect::ClientPerRequest), 12)] {
        let world = with(Plan::default(), defect).await;
        for _ in 0..3 {
            let (document, _) = timed(&world).await;
            assert_eq!(document["degraded"], json!([]));
        }
        assert_eq!(world.connections.load(Ordering::Relaxed), expected, "{defect:?}");
    }
}
