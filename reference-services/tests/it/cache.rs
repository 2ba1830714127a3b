//! A pod: warm before it is ready, from wherever it can; fresh; and what it refuses.

use std::{path::PathBuf, time::Duration};

use reference_services::cache::Defect;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use crate::fleet::{connect, get, metric, nobody, pod, send, source};

/// A file of this test process.
fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("squall-cache-{}-{name}", std::process::id()));
    // It may be there from a process with the same number.
    let _ = std::fs::remove_file(&path);
    path
}

#[tokio::test]
async fn items_are_answered_with_the_version() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.version = "v2".to_owned()).await;
    pod.answers("/readyz", 200).await;
    let answer = pod.get("/items/7").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let value = answer.json()["value"].clone();
    let expected = json!({ "id": 7, "value": value, "version": "v2", "warnings": [] });
    assert_eq!(answer.json(), expected);
    let health = pod.get("/healthz").await.json();
    assert_eq!(health, json!({ "status": "ok", "version": "v2", "items": 50 }));
    assert_eq!(pod.get("/startupz").await.status, 200);
    assert_eq!(metric(pod.at, r#"cache_requests_total{outcome="ok"}"#).await, Some(1.0));
    assert_eq!(metric(pod.at, "cache_in_flight").await, Some(0.0));
}

#[tokio::test]
async fn wrong_questions_get_problems() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |_| ()).await;
    pod.answers("/readyz", 200).await;
    for unknown in ["/items/0", "/items/51", "/items/shoe", "/items/", "/items/1/2", "/", "/item/1"]
    {
        pod.get(unknown).await.problem(404);
    }
    for bad in ["/export?items=x", "/export?items=100001", "/export?n=1"] {
        pod.get(bad).await.problem(400);
    }
    let posted =
        send(pod.at, "POST /items/1 HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").await;
    posted.problem(405);
    assert_eq!(posted.header("allow"), Some("GET, HEAD"));
    let got = pod.get("/session").await;
    got.problem(405);
    assert_eq!(got.header("allow"), Some("POST"));
    let body = "GET /items/1 HTTP/1.1\r\nhost: it\r\ncontent-length: 9999999\r\n\r\n";
    send(pod.at, body).await.problem(413);
    assert_eq!(send(pod.at, "no HTTP\r\n\r\n").await.status, 400);
    let long = "x".repeat(20_000);
    let request = format!("GET /items/1 HTTP/1.1\r\nhost: it\r\nx: {long}\r\n\r\n");
    assert_eq!(send(pod.at, &request).await.status, 431);
}

#[tokio::test]
async fn not_ready_until_warm_but_alive() {
    let slow = |ms| reference_services::dependency::Latency::Constant { ms };
    let source = source(|config| config.latency = slow(100.0)).await;
    let pod = pod(source.at, |_| ()).await;
    assert_eq!(pod.get("/readyz").await.problem(503), "the cache is not warm yet");
    pod.get("/startupz").await.problem(503);
    pod.get("/items/1").await.problem(503);
    pod.get("/snapshot").await.problem(503);
    pod.get("/export").await.problem(503);
    assert_eq!(pod.get("/livez").await.status, 200);
    assert_eq!(pod.get("/healthz").await.json()["status"], "warming up");
    pod.answers("/readyz", 200).await;
    assert_eq!(pod.get("/items/1").await.status, 200);
}

#[tokio::test]
async fn a_source_that_fails_is_asked_again() {
    let source = source(|config| config.fail_first = 7).await;
    let pod = pod(source.at, |_| ()).await;
    pod.answers("/readyz", 200).await;
    for id in [1, 25, 26, 50] {
        assert_eq!(pod.get(&format!("/items/{id}")).await.json()["warnings"], json!([]));
    }
}

#[tokio::test]
async fn a_peer_is_enough_to_get_warm() {
    let source = source(|_| ()).await;
    let first = pod(source.at, |_| ()).await;
    first.answers("/readyz", 200).await;
    let peer = first.at.to_string();
    let second = pod(nobody().await, |config| config.warm_up.peer = Some(peer)).await;
    second.answers("/readyz", 200).await;
    let (theirs, ours) = (first.get("/items/9").await, second.get("/items/9").await);
    assert_eq!(theirs.json(), ours.json());
}

#[tokio::test]
async fn a_snapshot_is_enough_to_get_warm() {
    let path = file("snapshot");
    let source = source(|_| ()).await;
    let keep = |config: &mut reference_services::cache::Config| {
        config.warm_up.snapshot = Some(path.clone());
    };
    let first = pod(source.at, keep).await;
    first.answers("/readyz", 200).await;
    while !path.exists() {
        sleep(Duration::from_millis(5)).await;
    }
    let nobody = nobody().await;
    // A peer that is not there is no reason to give up.
    let second = pod(nobody, |config| {
        keep(config);
        config.warm_up.peer = Some(nobody.to_string());
    });
    let second = second.await;
    second.answers("/readyz", 200).await;
    assert_eq!(second.get("/items/50").await.json(), first.get("/items/50").await.json());
    std::fs::remove_file(&path).expect("the snapshot");
}

#[tokio::test]
async fn a_damaged_snapshot_is_not_believed() {
    let path = file("damaged");
    std::fs::write(&path, "{\"schema\":1,\"items\":1}\n{\"id\":1,\"value\":\"a lie\"")
        .expect("written");
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.warm_up.snapshot = Some(path.clone())).await;
    pod.answers("/readyz", 200).await;
    assert_ne!(pod.get("/items/1").await.json()["value"], "a lie");
    std::fs::remove_file(&path).expect("the snapshot");
}

#[tokio::test]
async fn items_stay_fresh_while_the_source_answers() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.fresh_for_ms = 200).await;
    pod.answers("/readyz", 200).await;
    for _ in 0..10 {
        sleep(Duration::from_millis(50)).await;
        assert_eq!(pod.get("/items/3").await.json()["warnings"], json!([]));
    }
}

#[tokio::test]
async fn items_grow_stale_when_it_does_not() {
    let mut source = source(|_| ()).await;
    let pod = pod(source.at, |config| config.fresh_for_ms = 100).await;
    pod.answers("/readyz", 200).await;
    source.stop();
    source.stopped().await;
    sleep(Duration::from_millis(250)).await;
    assert_eq!(pod.get("/items/3").await.json()["warnings"], json!(["stale"]));
    assert_eq!(pod.get("/readyz").await.status, 200, "stale is better than nothing");
    assert!(metric(pod.at, "cache_refreshes_failed_total").await > Some(0.0));
}

#[tokio::test]
async fn an_export_streams_line_by_line() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |_| ()).await;
    pod.answers("/readyz", 200).await;
    let answer = pod.get("/export?items=3").await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.body.matches("\"version\":\"v1\"").count(), 3, "{answer:?}");
    assert!(answer.body.ends_with("0\r\n\r\n"), "{answer:?}");
}

#[tokio::test]
async fn beyond_the_bound_exports_are_shed() {
    let source = source(|_| ()).await;
    let pod = pod(source.at, |config| {
        config.streams_max = 1;
        config.export_pause_ms = 10_000;
    });
    let pod = pod.await;
    pod.answers("/readyz", 200).await;
    let mut first = connect(pod.at).await;
    first.write_all(b"GET /export HTTP/1.1\r\nhost: it\r\n\r\n").await.expect("written");
    assert_eq!(first.read_u8().await.expect("an answer"), b'H');
    for path in ["/export", "/snapshot"] {
        let shed = pod.get(path).await;
        shed.problem(503);
        assert_eq!(shed.header("retry-after"), Some("1"));
    }
    assert_eq!(pod.get("/items/1").await.status, 200);
    drop(first);
    pod.answers("/snapshot", 200).await;
    assert_eq!(metric(pod.at, "cache_streams").await, Some(0.0));
}

#[tokio::test]
async fn without_readiness_a_cold_cache_is_met() {
    let slow = |config: &mut reference_services::catalog::Config| {
        config.latency = reference_services::dependency::Latency::Constant { ms: 100.0 };
    };
    let source = source(slow).await;
    let pod = pod(source.at, |config| _ = config.defects.insert(Defect::NoReadiness)).await;
    assert_eq!(pod.get("/readyz").await.status, 200);
    assert_eq!(pod.get("/items/50").await.json()["warnings"], json!(["cold"]));
}

#[tokio::test]
async fn a_blocking_warm_up_answers_no_probe() {
    let source = source(|_| ()).await;
    let tune = |config: &mut reference_services::cache::Config| {
        _ = config.defects.insert(Defect::BlockingColdWarmUp);
    };
    let (told, at) = std::sync::mpsc::channel();
    let (at_source, keep) = (source.at, source);
    // On a thread of its own, since it blocks.
    #[expect(clippy::disallowed_methods, reason = "the pod must not hold up its own test")]
    let _pod = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut pod = pod(at_source, tune).await;
            told.send(pod.at).expect("the test waits");
            // Nobody waits for this thread; it ends with the process.
            let _ = (&mut pod.serving).await;
        });
    });
    let at = at.recv().expect("the pod starts");
    sleep(Duration::from_millis(100)).await;
    let probed = timeout(Duration::from_millis(150), get(at, "/livez")).await;
    assert!(probed.is_err(), "it answered while it filled its cache");
    drop(keep);
}
