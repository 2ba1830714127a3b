//! Each planted mistake shows, and only when it is switched on.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use reference_services::{
    aggregation::Defect,
    dependency::{Config, FailCode, Kind, Latency},
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
    // Four of them while it warms up, which are used again unless each call makes its own.
    for (defect, expected) in [(None, 4), (Some(Defect::ClientPerRequest), 16)] {
        let world = with(Plan::default(), defect).await;
        world.ready().await;
        for _ in 0..3 {
            let (document, _) = timed(&world).await;
            assert_eq!(document["degraded"], json!([]));
        }
        assert_eq!(world.connections.load(Ordering::Relaxed), expected, "{defect:?}");
    }
}

/// The document of product 7 with this defect planted.
async fn document_with(plan: Plan, defect: Defect) -> serde_json::Value {
    with(plan, Some(defect)).await.get("/products/7").await.json()
}

#[tokio::test]
async fn documents_are_wrong_in_one_place() {
    let right = with(Plan::default(), None).await.get("/products/7").await.json();
    let differs = async |defect, pointer: &str, found: serde_json::Value| {
        let wrong = document_with(Plan::default(), defect).await;
        assert_eq!(wrong.pointer(pointer), Some(&found), "{defect}");
        assert_ne!(right.pointer(pointer), Some(&found), "{defect}");
    };
    differs(Defect::NeighboursReviews, "/reviews/product_id", json!(8)).await;
    differs(Defect::RoundedPrice, "/pricing/amount_minor", json!(700)).await;
    let cut = document_with(Plan::default(), Defect::TruncatedList).await;
    assert_eq!(cut["reviews"]["latest"].as_array().map(Vec::len), Some(2));
    let silent =
        document_with(Plan::default().down(Kind::Pricing), Defect::SilentDegradation).await;
    assert_eq!((silent.get("pricing"), &silent["degraded"]), (None, &json!([])));
}

#[tokio::test]
async fn a_leaked_place_stays_taken() {
    let places = r#"aggregation_api_bulkhead_places{dependency="reviews"}"#;
    for (defect, left) in [(None, 0.0), (Some(Defect::LeakedPlace), 2.0)] {
        let world = with(Plan::default().down(Kind::Reviews), defect).await;
        for _ in 0..2 {
            world.get("/products/1").await;
        }
        world.reaches(places, left).await;
    }
}

#[tokio::test]
async fn a_refusal_opens_no_breaker_unless_it_is_taken_for_a_failure() {
    let open = r#"aggregation_api_breaker_state{dependency="reviews",state="open"}"#;
    for code in ["permission-denied", "failed-precondition"] {
        for (defect, state) in [(None, 0.0), (Some(Defect::BreakerCountsRefusals), 1.0)] {
            let plan = Plan::default().api(|config| config.breaker.calls_min = 2);
            let plan = match code {
                "permission-denied" => plan.tuned(Kind::Reviews, |config| {
                    config.fail_fraction = 1.0;
                    config.fail_code = FailCode::PermissionDenied;
                }),
                _ => plan.tuned(Kind::Reviews, |config| {
                    config.fail_fraction = 1.0;
                    config.fail_code = FailCode::FailedPrecondition;
                }),
            };
            let world = with(plan, defect).await;
            for _ in 0..4 {
                world.get("/products/1").await;
            }
            world.reaches(open, state).await;
        }
    }
}

/// How long the second attempt of a call to the inventory took to come, which puts callers off.
async fn second_attempt(plan: Plan, defect: Option<Defect>) -> Duration {
    let world = with(
        plan.tuned(Kind::Inventory, |config| {
            config.fail_first = 1;
            config.fail_code = FailCode::ResourceExhausted;
            config.retry_after_ms = Some(300);
        })
        .api(|config| {
            config.request_deadline_ms = 5_000;
            config.call_timeout_ms = 4_000;
        }),
        defect,
    )
    .await;
    world.ready().await;
    let begun = Instant::now();
    assert_eq!(world.get("/products/1").await.status, 200, "{defect:?}");
    begun.elapsed()
}

#[tokio::test]
async fn a_dependency_says_when_to_come_again() {
    let took = second_attempt(Plan::default(), None).await;
    assert!(took >= Duration::from_millis(300), "{took:?}");
    let took = second_attempt(Plan::default(), Some(Defect::IgnoresPushback)).await;
    assert!(took < Duration::from_millis(300), "{took:?}");
}

#[tokio::test]
async fn who_cannot_wait_so_long_does_not_come_again() {
    let plan = Plan::default().tuned(Kind::Inventory, |config| {
        config.fail_first = 1;
        config.fail_code = FailCode::ResourceExhausted;
        config.retry_after_ms = Some(1_000);
    });
    let world = with(plan, None).await;
    assert_eq!(world.get("/products/1").await.problem(503), "the inventory failed");
    world.reaches(r#"aggregation_api_retries_total{dependency="inventory"}"#, 0.0).await;
}
