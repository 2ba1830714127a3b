//! Probes and metrics.

use std::{sync::atomic::Ordering, time::Duration};

use reference_services::{
    aggregation::Defect,
    dependency::{Config, Kind},
};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::world::{Plan, start_dependency};

#[tokio::test]
async fn probes_answer() {
    let world = Plan::default().down(Kind::Inventory).start().await;
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn it_is_ready_once_it_has_reached_its_dependencies() {
    let world = Plan::default().start().await;
    world.ready().await;
    assert_eq!(world.connections.load(Ordering::Relaxed), 4);
    let document = world.get("/products/1").await.json();
    assert_eq!(document["degraded"], serde_json::json!([]));
    assert_eq!(world.connections.load(Ordering::Relaxed), 4, "the same connections");
}

#[tokio::test]
async fn a_lost_dependency_keeps_it_from_being_ready_for_a_while() {
    let slow = Plan::default().down(Kind::Inventory).api(|config| config.warm_up_ms = 60_000);
    let world = slow.start().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.get("/readyz").await.problem(503), "the service is warming up");
    let quick = Plan::default().down(Kind::Inventory).api(|config| config.warm_up_ms = 100);
    let world = quick.start().await;
    world.ready().await;
    let early = Plan::default().down(Kind::Inventory).api(|config| {
        config.warm_up_ms = 60_000;
        config.defects.insert(Defect::ReadyTooEarly);
    });
    assert_eq!(early.start().await.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn metrics_are_in_the_openmetrics_format_and_in_order() {
    let world = Plan::default().start().await;
    let first = world.get("/metrics").await;
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(first.header("content-type"), Some(format));
    assert!(first.body.ends_with("# EOF\n"));
    assert_eq!(first.body, world.get("/metrics").await.body, "the same order every time");
    assert_eq!(world.get("/products/1").await.status, 200);
    world.reaches(r#"aggregation_api_requests_total{outcome="ok"}"#, 1.0).await;
    world.reaches("aggregation_api_request_duration_seconds_count", 1.0).await;
    world.reaches("aggregation_api_in_flight", 0.0).await;
    let called = r#"aggregation_api_calls_total{dependency="pricing",outcome="ok"}"#;
    world.reaches(called, 1.0).await;
    let timed = r#"aggregation_api_call_duration_seconds_count{dependency="pricing"}"#;
    world.reaches(timed, 1.0).await;
}

#[tokio::test]
async fn dependencies_speak_the_standard_health_protocol() {
    let mut config = Config::new(Kind::Reviews);
    config.listen = Some("127.0.0.1:0".to_owned());
    let address = start_dependency(config).await;
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
    let endpoint = endpoint.connect_timeout(Duration::from_secs(5));
    let channel = endpoint.connect_lazy();
    let mut client = HealthClient::new(channel);
    for service in ["", "reviews.v1.Reviews"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = client.check(request).await.expect("an answer").into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
}
