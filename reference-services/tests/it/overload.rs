//! Who is let in when there is no room for all, and how much room there is.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reference_services::dependency::{Kind, Latency};

use crate::world::{Answer, Plan, World};

/// A request of a tenant.
async fn page(world: &World, tenant: &str) -> Answer {
    let request = "GET /products/1 HTTP/1.1\r\nhost: api\r\nconnection: close\r\n";
    world.send(&format!("{request}x-tenant: {tenant}\r\n\r\n")).await
}

#[tokio::test]
async fn who_does_not_pay_is_shed_first_and_health_checks_never() {
    let plan = Plan::default().hanging(Kind::Reviews).api(|config| {
        config.in_flight_max = 2;
        config.priority.paying = BTreeSet::from(["gold".to_owned()]);
        config.priority.free_percent = 50;
    });
    let world = plan.start().await;
    world.ready().await;
    let admitted = |class| format!(r#"aggregation_api_admitted_total{{class="{class}"}}"#);
    let shed = |class| format!(r#"aggregation_api_shed_total{{class="{class}"}}"#);
    let (first, paying, ()) = tokio::join!(
        page(&world, "none"),
        async {
            world.reaches(&admitted("free"), 1.0).await;
            let second = page(&world, "other").await;
            assert_eq!(second.problem(503), "too many requests at once");
            assert_eq!(second.header("retry-after"), Some("1"));
            page(&world, "gold").await
        },
        async {
            world.reaches(&admitted("paying"), 1.0).await;
            // Now there is room for nobody.
            let third = page(&world, "gold").await;
            assert_eq!(third.problem(503), "too many requests at once");
            assert_eq!(third.header("retry-after"), Some("1"));
            assert_eq!(world.get("/healthz").await.status, 200);
            assert_eq!(world.get("/readyz").await.status, 200);
        }
    );
    assert_eq!((first.status, paying.status), (200, 200));
    assert_eq!(world.metric(&shed("free")).await, Some(1.0));
    assert_eq!(world.metric(&shed("paying")).await, Some(1.0));
    assert_eq!(world.metric("aggregation_api_limit").await, Some(2.0));
}

#[tokio::test]
async fn a_fixed_room_that_is_the_same_for_all_has_no_metrics() {
    let world = Plan::default().start().await;
    assert_eq!(world.get("/products/1").await.status, 200);
    assert_eq!(world.metric("aggregation_api_limit").await, None);
    assert!(!world.get("/metrics").await.body.contains("class="));
}

#[tokio::test]
async fn the_room_shrinks_while_pages_take_too_long() {
    let plan = Plan::default().tuned(Kind::Inventory, |config| {
        config.latency = Some(Latency::Constant { ms: 100.0 });
    });
    let plan = plan.api(|config| {
        config.adaptive.latency_ms = 20;
        config.adaptive.initial = 50;
        config.adaptive.min = 5;
    });
    let world = plan.start().await;
    assert_eq!(world.metric("aggregation_api_limit").await, Some(50.0));
    for _ in 0..5 {
        join_all((0..20).map(|_| page(&world, "any"))).await;
    }
    let limit = world.metric("aggregation_api_limit").await.expect("a limit");
    assert!((5.0..20.0).contains(&limit), "{limit}");
    let answers = join_all((0..20).map(|_| page(&world, "any"))).await;
    assert!(answers.iter().any(|answer| answer.status == 503), "nobody was turned away");
}
