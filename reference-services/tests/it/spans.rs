//! What an observer learns from spans and events: names, fields, parents, and when each ends.

use std::{collections::BTreeMap, time::Duration};

use reference_services::{
    aggregation::Defect,
    dependency::{self, FailCode, Kind},
};

use crate::{
    observer::{Observer, Seen},
    world::Plan,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_request_and_its_calls_are_one_trace() {
    let (observer, _watching) = Observer::watch();
    let world = Plan::default().down(Kind::Reviews).start().await;
    let request = format!(
        "GET /products/1 HTTP/1.1\r\nhost: api\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n\
         connection: close\r\n\r\n"
    );
    assert_eq!(world.send(&request).await.status, 200);

    let requests = observer.closed("request");
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].fields["trace_id"], TRACE);
    assert_eq!(requests[0].fields["outcome"], "degraded");
    assert!(requests[0].parent.is_none());

    let calls = observer.closed("call");
    assert!(calls.iter().all(|call| call.parent.is_some()), "{calls:?}");
    let outcomes: BTreeMap<_, _> = calls
        .iter()
        .map(|call| {
            let fields = &call.fields;
            ((&*fields["dependency"], &*fields["attempt"]), &*fields["outcome"])
        })
        .collect();
    let expected = [
        (("inventory", "1"), "ok"),
        (("pricing", "1"), "ok"),
        (("recommendations", "1"), "ok"),
        (("reviews", "1"), "error"),
        (("reviews", "2"), "error"),
    ];
    assert_eq!(outcomes, BTreeMap::from(expected));

    let served = observer.closed("serve");
    assert_eq!(served.len(), 3, "{served:?}");
    assert!(served.iter().all(|it| it.fields["trace_id"] == TRACE), "{served:?}");
    assert!(served.iter().all(|it| it.fields["outcome"] == "ok"), "{served:?}");
}

#[tokio::test]
async fn without_a_trace_one_begins() {
    let (observer, _watching) = Observer::watch();
    let world = Plan::default().start().await;
    world.get("/products/1").await;
    world.get("/products/1").await;
    let requests = observer.closed("request");
    let ids: Vec<_> = requests.iter().map(|request| &request.fields["trace_id"]).collect();
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.len() == 32 && **id != "0".repeat(32)), "{ids:?}");
}

#[tokio::test]
async fn a_call_that_outlives_its_request_still_names_its_trace() {
    let (observer, _watching) = Observer::watch();
    let refusing = |config: &mut dependency::Config| {
        config.fail_first = 1;
        config.fail_code = FailCode::PermissionDenied;
    };
    let plan = Plan::default().down(Kind::Reviews).tuned(Kind::Inventory, refusing);
    let plan = plan.api(|config| {
        config.defects.insert(Defect::UncancelledCalls);
        // The retry comes long after the inventory has settled the request.
        config.retry.backoff_ms = 1000;
        config.request_deadline_ms = 5000;
        config.call_timeout_ms = 5000;
    });
    let world = plan.start().await;
    world.get("/products/1").await.problem(503);
    let second = r#"aggregation_api_calls_total{dependency="reviews",outcome="error"}"#;
    world.reaches(second, 2.0).await;
    let calls = observer.closed("call");
    let late = calls.iter().find(|call| call.fields["attempt"] == "2").expect("a second attempt");
    assert!(late.parent.is_some() || late.fields.contains_key("trace_id"), "{late:?}");
}

#[tokio::test]
async fn each_move_of_a_breaker_is_one_event() {
    let (observer, _watching) = Observer::watch();
    let plan = Plan::default().tuned(Kind::Pricing, |config| config.fail_first = 2);
    let plan = plan.api(|config| {
        config.retry.attempts_max = 1;
        config.breaker.calls_min = 2;
        config.breaker.open_ms = 50;
    });
    let world = plan.start().await;
    for _ in 0..3 {
        world.get("/products/1").await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    world.get("/products/1").await;
    let moves: Vec<_> = {
        let breakers = observer.breakers.lock().expect("no panic");
        let name = |seen: &Seen| {
            let fields = &seen.fields;
            format!("{}: {} -> {}", fields["dependency"], fields["from"], fields["to"])
        };
        breakers.iter().map(name).collect()
    };
    let expected =
        ["pricing: closed -> open", "pricing: open -> half-open", "pricing: half-open -> closed"];
    assert_eq!(moves, expected);
    let rejected = observer.closed("call").into_iter();
    assert_eq!(rejected.filter(|call| call.fields["outcome"] == "rejected").count(), 1);
}
