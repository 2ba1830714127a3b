//! A client that goes away takes its calls with it.

use reference_services::{aggregation::Defect, dependency::Kind};
use tokio::io::AsyncWriteExt;

use crate::world::{Plan, World};

fn slow() -> Plan {
    Plan::default().hanging(Kind::Inventory).hanging(Kind::Reviews).api(|config| {
        config.request_deadline_ms = 1500;
        config.call_timeout_ms = 1500;
    })
}

async fn ask_and_leave(world: &World) {
    let mut stream = world.connect().await;
    let request = b"GET /products/1 HTTP/1.1\r\nhost: api\r\n\r\n";
    stream.write_all(request).await.expect("written");
    world.reaches(r#"aggregation_api_calls_in_flight{dependency="reviews"}"#, 1.0).await;
}

#[tokio::test]
async fn a_dropped_client_cancels_the_calls() {
    let world = slow().start().await;
    ask_and_leave(&world).await;
    world.reaches(r#"aggregation_api_requests_total{outcome="cancelled"}"#, 1.0).await;
    let metric = async |kind: &str, outcome: &str| {
        let labels = format!(r#"dependency="{kind}",outcome="{outcome}""#);
        world.metric(&format!("aggregation_api_calls_total{{{labels}}}")).await
    };
    for kind in ["inventory", "reviews"] {
        assert_eq!(metric(kind, "cancelled").await, Some(1.0), "{kind}");
        assert_eq!(metric(kind, "timeout").await, Some(0.0), "{kind}");
    }
    world.reaches("aggregation_api_in_flight", 0.0).await;
}

#[tokio::test]
async fn uncancelled_calls_outlive_their_request() {
    let plan = slow().api(|config| _ = config.defects.insert(Defect::UncancelledCalls));
    let world = plan.start().await;
    ask_and_leave(&world).await;
    world.reaches(r#"aggregation_api_requests_total{outcome="cancelled"}"#, 1.0).await;
    let busy = r#"aggregation_api_calls_in_flight{dependency="reviews"}"#;
    assert_eq!(world.metric(busy).await, Some(1.0), "the call ended with its request");
    let timeouts = r#"aggregation_api_calls_total{dependency="reviews",outcome="timeout"}"#;
    world.reaches(timeouts, 1.0).await;
}
