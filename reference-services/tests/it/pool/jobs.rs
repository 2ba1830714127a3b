//! Jobs from their acceptance to their result, through a whole pool.

use std::time::Duration;

use reference_services::pb::results::{GetRequest, StatsRequest};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Broker, World, metric, results, send, start_worker};

#[tokio::test]
async fn a_job_has_its_result() {
    let world = World::start(|_| (), |_| ()).await;
    let answer = world.broker.post("a", &json!({ "n": 1 })).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json(), json!({ "id": "a", "status": "accepted" }));
    while metric(world.probes, r#"worker_jobs_total{outcome="ok"}"#).await != Some(1.0) {
        sleep(Duration::from_millis(5)).await;
    }
    let get = GetRequest { job: "a".to_owned() };
    let result = results(world.store).get(get).await.expect("a result").into_inner().result;
    let result: serde_json::Value = serde_json::from_slice(&result).expect("JSON");
    assert_eq!(result["id"], "a");
    assert_eq!(world.broker.post("a", &json!({ "n": 1 })).await.status, 202, "as at first");
    world.broker.reaches("queued", 0).await;
    let stats = results(world.store).stats(StatsRequest {}).await.expect("stats").into_inner();
    assert_eq!((stats.results, stats.duplicates), (1, 0));
}

#[tokio::test]
async fn a_poison_job_is_a_dead_letter_after_its_third_failure_and_can_be_replayed() {
    let world = World::start(|_| (), |_| ()).await;
    world.broker.post("bad", &json!({ "poison": true })).await;
    world.broker.reaches("dead_letters", 1).await;
    let list = world.broker.get("/deadletter").await.json();
    let error = "the external API answered with status 422 Unprocessable Entity";
    let listed = json!([{ "id": "bad", "attempts": 3, "error": error }]);
    assert_eq!(list, json!({ "total": 1, "dead_letters": listed }));
    let shown = world.broker.get("/deadletter/bad").await.json();
    assert_eq!(shown["errors"], json!([error, error, error]));
    assert_eq!(shown["payload"], json!({ "poison": true }));
    world.broker.get("/deadletter/good").await.problem(404);
    let replayed = send(world.broker.jobs, "POST", "/deadletter/bad/replay", "").await;
    assert_eq!((replayed.status, replayed.json()), (202, json!({ "replayed": 1 })));
    send(world.broker.jobs, "POST", "/deadletter/good/replay", "").await.problem(404);
    world.broker.reaches("dead_letters", 1).await;
    let replayed = send(world.broker.jobs, "POST", "/deadletter/replay", "").await;
    assert_eq!(replayed.json(), json!({ "replayed": 1 }));
}

#[tokio::test]
async fn a_call_with_a_known_key_has_no_effect_again() {
    let (_running, api) = super::start_api(|_| ()).await;
    let call = async |key: &str, payload: u32| {
        let body = json!({ "id": "a", "payload": payload }).to_string();
        let length = body.len();
        let request = format!(
            "POST /v1/process HTTP/1.1\r\nhost: pool\r\nconnection: close\r\n{key}\
             content-length: {length}\r\n\r\n{body}"
        );
        super::send_bytes(api, request.as_bytes()).await
    };
    let digest = async |key: &str, payload: u32| call(key, payload).await.json()["digest"].clone();
    let first = digest("idempotency-key: a\r\n", 1).await;
    assert_eq!(digest("idempotency-key: a\r\n", 1).await, first, "the first one's result");
    assert_ne!(digest("idempotency-key: b\r\n", 2).await, first);
    assert_ne!(digest("", 2).await, first);
    assert_ne!(digest("", 2).await, first, "each call without a key is another one");
    let another = call("idempotency-key: a\r\n", 2).await.problem(422);
    assert_eq!(another, "the idempotency key belongs to another payload");
    let ended = async |outcome: &str| {
        metric(api, &format!("external_api_calls_total{{outcome=\"{outcome}\"}}")).await
    };
    assert_eq!((ended("ok").await, ended("repeated").await), (Some(4.0), Some(1.0)));
}

#[tokio::test]
async fn another_job_with_the_same_id_is_refused_until_the_id_is_forgotten() {
    let world = World::start(|_| (), |_| ()).await;
    let bad = json!({ "poison": true });
    world.broker.post("bad", &bad).await;
    world.broker.reaches("dead_letters", 1).await;
    world.broker.post("done", &json!({ "n": 1 })).await;
    while metric(world.probes, r#"worker_jobs_total{outcome="ok"}"#).await != Some(1.0) {
        sleep(Duration::from_millis(5)).await;
    }
    world.broker.reaches("leased", 0).await;
    for id in ["bad", "done"] {
        let another = world.broker.post(id, &json!({ "n": 2 })).await.problem(409);
        assert_eq!(another, "another job with this id was accepted before");
    }
    assert_eq!(world.broker.post("done", &json!({ "n": 1 })).await.status, 202, "the same one");
    assert_eq!(world.broker.post("bad", &bad).await.status, 202, "the same one");
}

#[tokio::test]
async fn while_the_external_api_does_not_answer_jobs_wait_in_the_queue() {
    let tune = |config: &mut reference_services::worker::Config| {
        // Nobody listens there.
        config.external_api = "http://127.0.0.1:9".to_owned();
        config.breaker.open_ms = 60_000;
    };
    let world = World::start(tune, |_| ()).await;
    for number in 0..100 {
        world.broker.post(&format!("job-{number}"), &json!(number)).await;
    }
    let open = r#"worker_breaker_state{state="open"}"#;
    while metric(world.probes, open).await != Some(1.0) {
        sleep(Duration::from_millis(5)).await;
    }
    world.broker.reaches("leased", 0).await;
    let stats = world.broker.get("/stats").await.json();
    assert_eq!((&stats["queued"], &stats["dead_letters"]), (&json!(100), &json!(0)), "{stats}");
    let failed = metric(world.probes, r#"worker_jobs_total{outcome="failed"}"#).await;
    assert!(failed.is_some_and(|failed| failed < 50.0), "{failed:?}");
}

#[tokio::test]
async fn a_broker_that_dies_loses_no_job_and_each_has_one_result() {
    let World { broker, store, api, worker, folder, .. } =
        &mut World::start(|config| config.concurrency = 25, |_| ()).await;
    let (store, api) = (*store, *api);
    for number in 0..30 {
        assert_eq!(broker.post(&format!("job-{number}"), &json!(number)).await.status, 202);
    }
    let fresh = Broker::start(&super::Folder::new(), |_| ()).await;
    let dead = std::mem::replace(broker, fresh);
    dead.running.kill().await;
    let again = Broker::start(folder, |_| ()).await;
    let (_second, _) = start_worker(again.workers, api, store, |_| ()).await;
    again.reaches("queued", 0).await;
    again.reaches("leased", 0).await;
    let stats = results(store).stats(StatsRequest {}).await.expect("stats").into_inner();
    assert_eq!(stats.results, 30);
    let _ = worker;
}

#[tokio::test]
async fn a_worker_that_stops_finishes_what_it_has_begun_and_hands_back_the_rest() {
    let tune = |config: &mut reference_services::worker::Config| {
        config.concurrency = 2;
        config.buffer_max = 4;
    };
    let slow = |config: &mut reference_services::external_api::Config| {
        config.latency = reference_services::dependency::Latency::Constant { ms: 150.0 };
    };
    let world = World::start(tune, slow).await;
    for number in 0..20 {
        world.broker.post(&format!("job-{number}"), &json!(number)).await;
    }
    while metric(world.probes, "worker_busy").await != Some(2.0) {
        sleep(Duration::from_millis(1)).await;
    }
    let World { broker, worker, probes, store, .. } = world;
    worker.stop().await;
    assert!(TcpStream::connect(probes).await.is_err(), "it still listens");
    let stats = broker.get("/stats").await.json();
    assert_eq!(stats["leased"], 0, "{stats}");
    let done = results(store).stats(StatsRequest {}).await.expect("stats").into_inner().results;
    assert_eq!(stats["queued"], 20 - done);
    assert!(done < 20, "nothing was left to hand back");
}

#[tokio::test]
async fn no_more_is_buffered_or_in_work_than_there_is_room_for() {
    let tune = |config: &mut reference_services::worker::Config| {
        config.concurrency = 3;
        config.buffer_max = 6;
    };
    let hanging = |config: &mut reference_services::external_api::Config| {
        config.latency = reference_services::dependency::Latency::Constant { ms: 60_000.0 };
    };
    let world = World::start(tune, hanging).await;
    for number in 0..30 {
        world.broker.post(&format!("job-{number}"), &json!(number)).await;
    }
    world.broker.reaches("leased", 9).await;
    sleep(Duration::from_millis(50)).await;
    world.broker.reaches("leased", 9).await;
    assert_eq!(metric(world.probes, "worker_buffered").await, Some(6.0));
    assert_eq!(metric(world.probes, "worker_busy").await, Some(3.0));
    assert_eq!(metric(world.probes, "worker_idle").await, Some(0.0));
    assert_eq!(metric(world.api, "external_api_in_flight").await, Some(3.0));
    assert_eq!(metric(world.probes, r#"worker_each_busy{worker="2"}"#).await, Some(1.0));
}
