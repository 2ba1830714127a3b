//! Leases as a worker sees them: who has a job, for how long, and what comes too late.

use std::time::Duration;

use reference_services::pb::{
    queue::{
        AckRequest, ExtendRequest, Lease, LeaseRequest, LeasedJob, NackRequest, ReleaseRequest,
        queue_client::QueueClient,
    },
    results::PutRequest,
};
use serde_json::json;
use tokio::time::{Instant, sleep};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{Broker, Folder, channel, results, start_store};

async fn lease(client: &mut QueueClient<Channel>, jobs_max: u32, wait_ms: u32) -> Vec<LeasedJob> {
    let request = LeaseRequest { worker: "test".to_owned(), jobs_max, wait_ms };
    client.lease(request).await.expect("an answer").into_inner().jobs
}

async fn ack(client: &mut QueueClient<Channel>, lease: Option<Lease>) -> Result<(), Code> {
    client.ack(AckRequest { lease }).await.map(drop).map_err(|status| status.code())
}

#[tokio::test]
async fn a_late_acknowledgement_is_refused() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |config| config.lease_ms = 100).await;
    let mut client = broker.client();
    broker.post("a", &json!(1)).await;
    let first = lease(&mut client, 1, 1000).await.remove(0);
    assert_eq!((first.failures, first.lease_ms), (0, 100));
    let second = lease(&mut client, 1, 1000).await.remove(0);
    assert_ne!(first.lease, second.lease, "the first one has expired");
    assert_eq!(ack(&mut client, first.lease).await, Err(Code::FailedPrecondition));
    assert_eq!(ack(&mut client, second.lease.clone()).await, Ok(()));
    assert_eq!(ack(&mut client, second.lease).await, Err(Code::FailedPrecondition), "done");
    broker.reaches("leased", 0).await;
    assert_eq!(super::metric(broker.jobs, "queue_broker_late_total").await, Some(2.0));
}

#[tokio::test]
async fn a_lease_that_is_extended_lasts() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |config| config.lease_ms = 300).await;
    let mut client = broker.client();
    broker.post("a", &json!(1)).await;
    let job = lease(&mut client, 1, 1000).await.remove(0);
    let unknown = Lease { job: "b".to_owned(), token: 7 };
    for _ in 0..4 {
        sleep(Duration::from_millis(150)).await;
        let leases = vec![job.lease.clone().expect("a lease"), unknown.clone()];
        let lost = client.extend(ExtendRequest { leases }).await.expect("extended");
        assert_eq!(lost.into_inner().lost, std::slice::from_ref(&unknown));
    }
    assert_eq!(ack(&mut client, job.lease).await, Ok(()));
}

#[tokio::test]
async fn a_failed_job_waits_in_the_broker() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |_| ()).await;
    let mut client = broker.client();
    broker.post("a", &json!(1)).await;
    let job = lease(&mut client, 1, 1000).await.remove(0);
    let error = "no".to_owned();
    let nack = NackRequest { lease: job.lease, error, delay_ms: 200, counts: true };
    client.nack(nack).await.expect("put back");
    let begun = Instant::now();
    broker.reaches("waiting", 1).await;
    let again = lease(&mut client, 1, 5000).await.remove(0);
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    assert_eq!((again.failures, again.last_delay_ms), (1, 200));
    let release = ReleaseRequest { leases: again.lease.into_iter().collect() };
    assert_eq!(client.release(release).await.expect("back").into_inner().released, 1);
    let third = lease(&mut client, 1, 1000).await.remove(0);
    assert_eq!(third.failures, 1, "handing back is no failure");
}

#[tokio::test]
async fn who_waits_for_jobs_gets_the_next_one_or_none_in_time() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |_| ()).await;
    let mut client = broker.client();
    assert!(lease(&mut client, 5, 20).await.is_empty());
    let mut waiting = broker.client();
    let payload = json!({ "n": 1 });
    let (jobs, answer) = tokio::join!(lease(&mut waiting, 5, 5000), broker.post("a", &payload));
    assert_eq!(answer.status, 202);
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].payload, br#"{"n":1}"#);
    assert!(jobs[0].traceparent.starts_with("00-"));
}

#[tokio::test]
async fn a_broker_that_stops_lets_nobody_wait() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |_| ()).await;
    let mut client = broker.client();
    let begun = Instant::now();
    let waits = tokio::spawn(async move { lease(&mut client, 1, 10_000).await });
    sleep(Duration::from_millis(50)).await;
    broker.running.stop().await;
    assert!(waits.await.expect("no panic").is_empty());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn beyond_its_bound_the_queue_turns_jobs_away() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |config| config.jobs_max = 2).await;
    for id in ["a", "b", "a"] {
        assert_eq!(broker.post(id, &json!(1)).await.status, 202);
    }
    let refused = broker.post("c", &json!(1)).await;
    assert_eq!(refused.problem(429), "the queue is full");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let mut client = broker.client();
    let job = lease(&mut client, 1, 1000).await.remove(0);
    ack(&mut client, job.lease).await.expect("acknowledged");
    assert_eq!(broker.post("c", &json!(1)).await.status, 202, "there is room again");
}

#[tokio::test]
async fn damage_keeps_the_broker_from_starting_and_is_named() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |_| ()).await;
    for id in ["a", "b", "c"] {
        broker.post(id, &json!(1)).await;
    }
    broker.running.stop().await;
    let path = folder.path().join("jobs.journal");
    let mut bytes = std::fs::read(&path).expect("the journal");
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    let mut config = reference_services::queue_broker::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.listen_workers = "127.0.0.1:0".to_owned();
    config.journal.clone_from(&path);
    let error = reference_services::queue_broker::bind(config).await.expect_err("damage");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot use the journal {}: expected a whole frame at byte 8 of {}, found damage \
             before other frames",
            path.display(),
            bytes.len()
        )
    );
}

#[tokio::test]
async fn a_journal_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path()).expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let mut config = reference_services::queue_broker::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.listen_workers = "127.0.0.1:0".to_owned();
    config.journal = file.join("jobs.journal");
    let error = reference_services::queue_broker::bind(config).await.expect_err("no folder");
    let expected = format!("cannot use the journal {}", file.join("jobs.journal").display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn the_first_result_of_a_job_is_kept() {
    let folder = Folder::new();
    let (running, address) = start_store(&folder).await;
    let put = |result: &str| PutRequest { job: "a".to_owned(), result: result.into() };
    let first = results(address).put(put("1")).await.expect("stored").into_inner();
    assert_eq!((first.result.as_slice(), first.duplicate), (&b"1"[..], false));
    running.stop().await;
    let (_running, address) = start_store(&folder).await;
    let second = results(address).put(put("2")).await.expect("stored").into_inner();
    assert_eq!((second.result.as_slice(), second.duplicate), (&b"1"[..], true));
}

#[tokio::test]
async fn broker_and_store_speak_the_standard_health_protocol() {
    let folder = Folder::new();
    let broker = Broker::start(&folder, |_| ()).await;
    let (_running, store) = start_store(&folder).await;
    for (address, name) in [(broker.workers, "queue.v1.Queue"), (store, "results.v1.Results")] {
        let request = HealthCheckRequest { service: name.to_owned() };
        let mut client = HealthClient::new(channel(address));
        let status = client.check(request).await.expect("an answer").into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{name}");
    }
}
