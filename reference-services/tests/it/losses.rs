//! What is left when dependencies are lost, and how fast.

use std::time::{Duration, Instant};

use reference_services::dependency::Kind;
use serde_json::json;

use crate::world::Plan;

#[tokio::test]
async fn a_lost_section_is_left_out_and_named() {
    let world = Plan::default().down(Kind::Reviews).down(Kind::Pricing).start().await;
    let answer = world.get("/products/42").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let document = answer.json();
    assert_eq!(document["degraded"], json!(["pricing", "reviews"]));
    assert_eq!(document.get("reviews"), None);
    assert!(document["inventory"].is_object() && document["recommendations"].is_object());
    world.reaches(r#"aggregation_api_requests_total{outcome="degraded"}"#, 1.0).await;
}

#[tokio::test]
async fn a_lost_inventory_is_an_error_at_once() {
    let world = Plan::default().down(Kind::Inventory).hanging(Kind::Reviews).start().await;
    let begun = Instant::now();
    let answer = world.get("/products/42").await;
    assert!(begun.elapsed() < Duration::from_millis(150), "it waited for the reviews");
    assert_eq!(answer.problem(503), "the inventory failed");
    assert_eq!(answer.header("retry-after"), None);
    let dropped = r#"aggregation_api_calls_total{dependency="reviews",outcome="cancelled"}"#;
    world.reaches(dropped, 1.0).await;
}

#[tokio::test]
async fn a_hanging_dependency_costs_its_timeout_and_no_more() {
    let world = Plan::default().hanging(Kind::Recommendations).start().await;
    let begun = Instant::now();
    let answer = world.get("/products/42").await;
    let took = begun.elapsed();
    assert_eq!(answer.json()["degraded"], json!(["recommendations"]));
    assert!(took >= Duration::from_millis(149), "{took:?}");
    let timeouts = r#"aggregation_api_calls_total{dependency="recommendations",outcome="timeout"}"#;
    world.reaches(timeouts, 1.0).await;
}

#[tokio::test]
async fn the_breaker_opens_fails_fast_and_closes() {
    let plan = Plan::default().tuned(Kind::Inventory, |config| config.fail_first = 4);
    let plan = plan.api(|config| {
        config.retry.attempts_max = 1;
        config.breaker.calls_min = 4;
        config.breaker.open_ms = 200;
    });
    let world = plan.start().await;
    for _ in 0..4 {
        assert_eq!(world.get("/products/1").await.problem(503), "the inventory failed");
    }
    let refused = world.get("/products/1").await;
    assert_eq!(refused.problem(503), "the inventory is down");
    assert_eq!(refused.header("retry-after"), None);
    let state = |state| {
        format!(r#"aggregation_api_breaker_state{{dependency="inventory",state="{state}"}}"#)
    };
    world.reaches(&state("open"), 1.0).await;
    world.reaches(&state("closed"), 0.0).await;
    tokio::time::sleep(Duration::from_millis(210)).await;
    assert_eq!(world.get("/products/1").await.status, 200);
    world.reaches(&state("closed"), 1.0).await;
}

#[tokio::test]
async fn beyond_the_bulkhead_of_the_inventory_requests_are_shed() {
    let plan = Plan::default().tuned(Kind::Inventory, |config| {
        config.latency = Some(reference_services::dependency::Latency::Constant { ms: 100.0 });
    });
    let world = plan.api(|config| config.bulkhead = 1).start().await;
    let (first, second) = tokio::join!(world.get("/products/1"), async {
        let busy = r#"aggregation_api_calls_in_flight{dependency="inventory"}"#;
        world.reaches(busy, 1.0).await;
        world.get("/products/2").await
    });
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(second.problem(503), "too many calls to the inventory at once");
    assert_eq!(second.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn beyond_the_bulkhead_of_another_its_section_is_left_out() {
    let world = Plan::default().hanging(Kind::Reviews).api(|config| config.bulkhead = 1);
    let world = world.start().await;
    let (_, second) = tokio::join!(world.get("/products/1"), async {
        let busy = r#"aggregation_api_calls_in_flight{dependency="reviews"}"#;
        world.reaches(busy, 1.0).await;
        world.reaches(r#"aggregation_api_calls_in_flight{dependency="pricing"}"#, 0.0).await;
        world.reaches(r#"aggregation_api_calls_in_flight{dependency="inventory"}"#, 0.0).await;
        world.get("/products/2").await
    });
    let degraded = &second.json()["degraded"];
    assert!(degraded.as_array().expect("an array").contains(&json!("reviews")), "{degraded}");
}

#[tokio::test]
async fn beyond_the_bound_of_the_service_requests_are_shed() {
    let plan = Plan::default().hanging(Kind::Reviews).api(|config| config.in_flight_max = 1);
    let world = plan.start().await;
    let (first, second) = tokio::join!(world.get("/products/1"), async {
        world.reaches("aggregation_api_in_flight", 1.0).await;
        world.get("/products/2").await
    });
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(second.problem(503), "too many requests at once");
    assert_eq!(second.header("retry-after"), Some("1"));
}
