//! The load balancer: who gets a request, what is made good, and what is left alone.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::{
    fleet::{
        Does, Endpoint, PATIENCE, balancer, connect, get, group, metric, nobody, pod, put, send,
        source, status,
    },
    world::Answer,
};

fn ok() -> Does {
    status(200)
}

#[tokio::test]
async fn groups_get_their_weight() {
    let (stable, canary) = (Endpoint::start(ok()).await, Endpoint::start(ok()).await);
    let groups = json!([
        { "name": "stable", "weight": 90, "endpoints": [stable.at.to_string()] },
        { "name": "canary", "weight": 10, "endpoints": [canary.at.to_string()] },
        { "name": "to-come", "weight": 50, "endpoints": [] },
    ]);
    let (balancer, admin) = balancer(groups, |_| ()).await;
    for _ in 0..50 {
        assert_eq!(balancer.get("/").await.status, 200);
    }
    assert_eq!((stable.requests(), canary.requests()), (45, 5));
    let requests = r#"balancer_requests_total{group="canary"}"#;
    assert_eq!(metric(admin, requests).await, Some(5.0));
    assert_eq!(metric(admin, r#"balancer_failures_total{group="canary"}"#).await, Some(0.0));
    let timed = r#"balancer_latency_seconds_count{group="stable"}"#;
    assert_eq!(metric(admin, timed).await, Some(45.0));
    assert_eq!(metric(admin, r#"balancer_answers_total{outcome="passed"}"#).await, Some(50.0));
    let opened = r#"balancer_connections_opened_total{group="stable"}"#;
    assert_eq!(metric(admin, opened).await, Some(1.0), "the connection is kept");
}

#[tokio::test]
async fn endpoints_are_named_and_read_on_the_admin_port() {
    let endpoint = Endpoint::start(ok()).await;
    let (balancer, admin) = balancer(json!([]), |_| ()).await;
    assert_eq!(get(admin, "/readyz").await.problem(503), "there is no endpoint");
    assert_eq!(balancer.get("/").await.problem(503), "there is no endpoint");
    let named = json!({ "groups": group(&[endpoint.at]) });
    let put = put(admin, "/endpoints", &named.to_string()).await;
    assert_eq!((put.status, put.body.as_str()), (204, ""));
    assert_eq!(get(admin, "/endpoints").await.json(), named);
    assert_eq!(get(admin, "/readyz").await.status, 200);
    assert_eq!(get(admin, "/healthz").await.status, 200);
    assert_eq!(balancer.get("/").await.status, 200);
}

#[tokio::test]
async fn nonsense_on_the_admin_port_changes_nothing() {
    let (_balancer, admin) = balancer(json!([]), |_| ()).await;
    for bad in ["", "{", "[]", "{\"groups\":[{}]}", "{\"groups\":[],\"more\":1}"] {
        put(admin, "/endpoints", bad).await.problem(400);
    }
    let twice = json!({ "groups": [
        { "name": "a", "weight": 1, "endpoints": ["x:1", "x:1"] },
    ] });
    let refused = put(admin, "/endpoints", &twice.to_string()).await;
    assert_eq!(refused.problem(400), "expected each endpoint once, found x:1 twice");
    put(admin, "/endpoints", &" ".repeat(300_000)).await.problem(413);
    get(admin, "/nothing").await.problem(404);
    let posted = send(admin, "POST /endpoints HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n");
    let posted = posted.await;
    posted.problem(405);
    assert_eq!(posted.header("allow"), Some("GET, HEAD, PUT"));
    assert_eq!(get(admin, "/endpoints").await.json(), json!({ "groups": [] }));
}

#[tokio::test]
async fn what_can_be_repeated_is_tried_elsewhere() {
    let good = Endpoint::start(ok()).await;
    for bad in [Does::BreaksOff, Does::Hangs, status(502), status(503), status(504)] {
        let bad = Endpoint::start(bad).await;
        let endpoints = group(&[bad.at, good.at, nobody().await]);
        let (balancer, admin) = balancer(endpoints, |config| {
            config.per_try_timeout_ms = 50;
            config.retry.attempts_max = 3;
        })
        .await;
        for _ in 0..12 {
            assert_eq!(balancer.get("/").await.status, 200);
        }
        assert!(metric(admin, "balancer_retries_total").await > Some(0.0));
        let failures = r#"balancer_failures_total{group="stable"}"#;
        assert!(metric(admin, failures).await > Some(0.0));
    }
}

#[tokio::test]
async fn what_cannot_be_repeated_is_not() {
    let post = "POST /session HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
    let get = "GET / HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
    for (does, request, expected) in [
        (Does::BreaksOff, post, 502),
        (Does::Hangs, post, 504),
        (status(503), post, 503),
        (status(500), get, 500),
        (status(404), get, 404),
    ] {
        let (first, second) = (Endpoint::start(does.clone()).await, Endpoint::start(does).await);
        let (balancer, _) = balancer(group(&[first.at, second.at]), |config| {
            config.per_try_timeout_ms = 50;
        })
        .await;
        assert_eq!(send(balancer.at, request).await.status, expected);
        assert_eq!(first.requests() + second.requests(), 1, "{expected}");
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_was_no_attempt_to_repeat() {
    let good = Endpoint::start(ok()).await;
    let (balancer, _) = balancer(group(&[good.at, nobody().await]), |_| ()).await;
    let head = "POST / HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: 2\r\n\r\n";
    for _ in 0..8 {
        assert_eq!(send(balancer.at, &format!("{head}{{}}")).await.status, 200);
    }
}

#[tokio::test]
async fn the_budget_ends_retries() {
    let bad = Endpoint::start(status(503)).await;
    let (balancer, admin) = balancer(group(&[bad.at]), |config| {
        config.retry.tokens_max = 10;
        config.retry.attempts_max = 3;
    })
    .await;
    for _ in 0..20 {
        assert_eq!(balancer.get("/").await.status, 503);
    }
    let retries = metric(admin, "balancer_retries_total").await.expect("it is counted");
    assert!((1.0..=5.0).contains(&retries), "{retries}");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_fails_nobody() {
    let endpoint = Endpoint::start(Does::Closes).await;
    let (balancer, admin) = balancer(group(&[endpoint.at]), |config| {
        config.retry.attempts_max = 1;
    })
    .await;
    for _ in 0..20 {
        assert_eq!(balancer.get("/").await.status, 200);
    }
    assert_eq!(metric(admin, r#"balancer_failures_total{group="stable"}"#).await, Some(0.0));
}

#[tokio::test]
async fn what_fails_again_and_again_gets_no_requests_for_a_while() {
    let (good, bad) = (Endpoint::start(ok()).await, Endpoint::start(status(500)).await);
    let (balancer, admin) = balancer(group(&[good.at, bad.at]), |_| ()).await;
    for _ in 0..100 {
        balancer.get("/").await;
    }
    assert_eq!(bad.requests(), 5);
    assert_eq!(metric(admin, r#"balancer_ejections_total{group="stable"}"#).await, Some(1.0));
}

#[tokio::test]
async fn headers_of_the_connection_stay_and_the_others_pass() {
    let endpoint = Endpoint::start(Does::Echoes).await;
    let (balancer, _) = balancer(group(&[endpoint.at]), |_| ()).await;
    let request = "GET /a?b=c HTTP/1.1\r\nhost: shop\r\nconnection: close, x-secret\r\n\
                   x-secret: 1\r\nkeep-alive: timeout=5\r\ncookie: session=1\r\n\
                   traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
    let answer = send(balancer.at, request).await;
    let via = answer.header("via").expect("a signature");
    assert!(via.starts_with("1.1 load-balancer-"), "{via}");
    let seen = answer.body.to_lowercase();
    assert!(seen.starts_with("get /a?b=c http/1.1\r\n"), "{seen}");
    for passed in
        ["host: shop\r\n", "cookie: session=1\r\n", "736-00f067aa0ba902b7-01\r\n", "via: 1.1 load"]
    {
        assert!(seen.contains(passed), "{passed} is missing in {seen}");
    }
    assert!(seen.contains("x-forwarded-for: 127.0.0.1\r\n"), "{seen}");
    for kept in ["connection", "x-secret", "keep-alive"] {
        assert!(!seen.contains(kept), "{kept} is in {seen}");
    }
}

#[tokio::test]
async fn beyond_the_bounds_requests_are_shed() {
    let endpoint = Endpoint::start(Does::Hangs).await;
    let (balancer, admin) = balancer(group(&[endpoint.at]), |config| {
        config.concurrency_max = 1;
        config.queue_max = 1;
        config.queue_timeout_ms = 100;
        config.per_try_timeout_ms = 10_000;
    })
    .await;
    let mut first = connect(balancer.at).await;
    first.write_all(b"GET / HTTP/1.1\r\nhost: it\r\n\r\n").await.expect("written");
    while endpoint.requests() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    let (queued, beyond) = tokio::join!(balancer.get("/"), async {
        sleep(Duration::from_millis(20)).await;
        let beyond = balancer.get("/").await;
        assert!(begun.elapsed() < Duration::from_millis(90), "it waited");
        beyond
    });
    for shed in [queued, beyond] {
        shed.problem(503);
        assert_eq!(shed.header("retry-after"), Some("1"));
    }
    drop(first);
    while metric(admin, "balancer_in_flight").await != Some(0.0) {
        sleep(Duration::from_millis(5)).await;
    }
    let cancelled = r#"balancer_answers_total{outcome="cancelled"}"#;
    assert_eq!(metric(admin, cancelled).await, Some(1.0));
}

#[tokio::test]
async fn answers_and_requests_pass_piece_by_piece() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.export_pause_ms = 20).await;
    pod.answers("/readyz", 200).await;
    let (balancer, admin) = balancer(group(&[pod.at]), |_| ()).await;
    let mut stream = connect(balancer.at).await;
    let request = b"GET /export?items=25 HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    let begun = Instant::now();
    let mut seen = String::new();
    while !seen.contains("\"id\":2") {
        let mut piece = [0; 1024];
        let read = timeout(PATIENCE, stream.read(&mut piece)).await.expect("in time");
        seen.push_str(std::str::from_utf8(&piece[..read.expect("open")]).expect("text"));
    }
    assert!(begun.elapsed() < Duration::from_millis(300), "it was collected first");
    // No longer an endpoint: what is in flight to it goes on.
    assert_eq!(put(admin, "/endpoints", r#"{"groups":[]}"#).await.status, 204);
    stream.read_to_string(&mut seen).await.expect("an orderly end");
    assert_eq!(seen.matches("\"version\"").count(), 25);
    assert!(seen.ends_with("0\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn connections_to_what_is_no_endpoint_any_more_are_closed() {
    let (gone, stays) = (Endpoint::start(ok()).await, Endpoint::start(ok()).await);
    let (balancer, admin) = balancer(group(&[gone.at, stays.at]), |_| ()).await;
    while gone.requests() == 0 || stays.requests() == 0 {
        balancer.get("/").await;
    }
    let named = json!({ "groups": group(&[stays.at]) });
    assert_eq!(put(admin, "/endpoints", &named.to_string()).await.status, 204);
    let begun = Instant::now();
    while gone.open.load(Ordering::Relaxed) > 0 {
        assert!(begun.elapsed() < PATIENCE, "the idle connection is still open");
        sleep(Duration::from_millis(5)).await;
    }
    let before = stays.connections.load(Ordering::Relaxed);
    assert_eq!(balancer.get("/").await.status, 200);
    assert_eq!(stays.connections.load(Ordering::Relaxed), before, "it was kept");
}

#[tokio::test]
async fn a_stop_lets_what_is_in_flight_end() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.export_pause_ms = 5).await;
    pod.answers("/readyz", 200).await;
    let (mut balancer, admin) = balancer(group(&[pod.at]), |config| {
        config.stop_delay_ms = 50;
    })
    .await;
    let mut stream = connect(balancer.at).await;
    let request = b"GET /export?items=50 HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    assert_eq!(stream.read_u8().await.expect("an answer"), b'H');
    balancer.stop();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(get(admin, "/readyz").await.problem(503), "the service is stopping");
    assert_eq!(Answer::read(&mut stream).await.body.matches("\"version\"").count(), 50);
    balancer.stopped().await;
}
