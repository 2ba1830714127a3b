//! What a client gets when all is well, and when it asks for the wrong thing.

use reference_services::dependency::Kind;
use serde_json::json;

use crate::world::Plan;

#[tokio::test]
async fn one_document_from_four_dependencies() {
    let world = Plan::default().start().await;
    let answer = world.get("/products/42").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert_eq!(document["id"], 42);
    assert!(document["inventory"]["available"].is_u64());
    assert_eq!(document["pricing"]["currency"], "EUR");
    assert_eq!(document["reviews"]["latest"].as_array().expect("an array").len(), 3);
    assert_eq!(document["recommendations"]["product_ids"].as_array().expect("an array").len(), 5);
    assert_eq!(document["degraded"], json!([]));
    assert_eq!(document, world.get("/products/42").await.json(), "the same product");
}

#[tokio::test]
async fn wrong_questions_get_problems() {
    let world = Plan::default().start().await;
    world.get("/products/shoe").await.problem(400);
    world.get("/products/0").await.problem(400);
    world.get("/products/").await.problem(400);
    world.get("/products/1/reviews").await.problem(400);
    world.get("/").await.problem(404);
    world.get("/product/1").await.problem(404);
    let unknown = world.get("/products/9007199254740991").await;
    assert_eq!(unknown.problem(404), "no such product");
    let post = "POST /products/1 HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n";
    let posted = world.send(post).await;
    posted.problem(405);
    assert_eq!(posted.header("allow"), Some("GET, HEAD"));
    world.reaches(r#"aggregation_api_requests_total{outcome="client-error"}"#, 5.0).await;
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = Plan::default().start().await;
    let head = "HEAD /products/1 HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n";
    let answer = world.send(head).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_failed_call_is_tried_again_and_nobody_notices() {
    let world =
        Plan::default().tuned(Kind::Inventory, |config| config.fail_first = 1).start().await;
    let answer = world.get("/products/1").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    world.reaches(r#"aggregation_api_retries_total{dependency="inventory"}"#, 1.0).await;
    let errors = r#"aggregation_api_calls_total{dependency="inventory",outcome="error"}"#;
    world.reaches(errors, 1.0).await;
}

#[tokio::test]
async fn what_will_not_get_better_is_not_tried_again() {
    let tune = |config: &mut reference_services::dependency::Config| {
        config.fail_first = 1;
        config.fail_code = reference_services::dependency::FailCode::PermissionDenied;
    };
    let world = Plan::default().tuned(Kind::Inventory, tune).start().await;
    world.get("/products/1").await.problem(503);
    world.reaches(r#"aggregation_api_retries_total{dependency="inventory"}"#, 0.0).await;
}
