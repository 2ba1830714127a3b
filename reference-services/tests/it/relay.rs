//! A chain of three: what each does, what becomes of it when the last one is lost, and how often that
//! is asked then.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reference_services::relay::{self, Config, Defect};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use crate::world::Answer;

async fn start(name: &str, next: Option<SocketAddr>, tune: impl FnOnce(&mut Config)) -> SocketAddr {
    let mut config = Config::default();
    config.name = name.to_owned();
    config.listen = "127.0.0.1:0".to_owned();
    config.next = next.map(|next| format!("http://{next}"));
    tune(&mut config);
    let bound = relay::bind(config).await.expect("a free port");
    let address = bound.local_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    address
}

async fn get_with(address: SocketAddr, path: &str, header: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(head.as_bytes()).await.expect("written");
    Answer::read(&mut stream).await
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    get_with(address, path, "").await
}

/// The value of a series of its metrics.
async fn metric(address: SocketAddr, series: &str) -> f64 {
    let page = get(address, "/metrics").await.body;
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {series} in {page}"))
}

/// Somebody who accepts connections, or lets them wait, and never answers.
async fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    (listener, address)
}

/// Nobody.
async fn nobody() -> SocketAddr {
    silent().await.1
}

#[tokio::test]
async fn each_of_a_chain_does_its_part() {
    let back = start("back", None, |_| {}).await;
    let middle = start("middle", Some(back), |_| {}).await;
    let front = start("front", Some(middle), |_| {}).await;
    let answer = get(front, "/work/7").await;
    assert_eq!(answer.json(), json!({ "id": 7, "by": ["front", "middle", "back"] }));
    assert_eq!(get(front, "/local").await.json()["by"], json!(["front"]));
    assert_eq!(get(front, "/readyz").await.status, 200);
    let counted = metric(back, r#"relay_requests_total{outcome="ok"}"#).await;
    assert_eq!(counted, 1.0);
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem() {
    let back = start("back", None, |_| {}).await;
    let problem = get(back, "/work/seven").await.problem(400);
    assert_eq!(problem, "an id is a number from 0 to 18446744073709551615");
    get(back, "/elsewhere").await.problem(404);
    let late = get_with(back, "/work/7", "x-request-timeout-ms: 5\r\n").await;
    assert_eq!(late.problem(504), "too little time is left");
    let front = start("front", Some(nobody().await), |_| {}).await;
    assert_eq!(get(front, "/work/7").await.problem(502), "the next service failed");
    assert_eq!(get(front, "/local").await.status, 200);
}

#[tokio::test]
async fn the_deadline_is_that_of_the_first_one() {
    let (_listener, silent) = silent().await;
    let middle = start("middle", Some(silent), |config| config.request_timeout_ms = 60_000).await;
    let front = start("front", Some(middle), |config| {
        config.request_timeout_ms = 200;
        config.try_timeout_ms = 60_000;
    });
    let (front, begun) = (front.await, Instant::now());
    assert_eq!(get(front, "/work/7").await.problem(504), "the next service did not answer in time");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // The middle, which would wait for a minute, is done as well.
    for _ in 0..500 {
        if metric(middle, "relay_in_flight").await == 0.0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the middle still works for nobody");
}

/// How many calls the last but one of a chain makes for 50 requests, when the last one is lost.
async fn calls_in_an_outage(defect: Option<Defect>) -> f64 {
    let tune = |config: &mut Config| config.defects.extend(defect);
    let middle = start("middle", Some(nobody().await), tune).await;
    let front = start("front", Some(middle), tune).await;
    for _ in 0..50 {
        assert_eq!(get(front, "/work/7").await.status, 502);
    }
    metric(middle, r#"relay_calls_total{outcome="failed"}"#).await
}

#[tokio::test]
async fn retries_end_with_the_budget_and_multiply_without_one() {
    // Each budget permits ten failures: of the middle's tries, and of the front's.
    let within = calls_in_an_outage(None).await;
    assert!((50.0..=75.0).contains(&within), "{within}");
    assert_eq!(calls_in_an_outage(Some(Defect::RetriesMultiply)).await, 450.0);
}

#[tokio::test]
async fn requests_that_wait_leave_room_for_others() {
    for (defect, local) in [(None, 200), (Some(Defect::SharedRoom), 503)] {
        let (_listener, silent) = silent().await;
        let front = start("front", Some(silent), |config| {
            config.in_flight_max = 4;
            config.calls_max = 2;
            config.try_timeout_ms = 600;
            config.retry.attempts_max = 1;
            config.defects.extend(defect);
        })
        .await;
        let (waiting, ()) = tokio::join!(join_all((0..4).map(|_| get(front, "/work/7"))), async {
            let begun = Instant::now();
            let full = if defect.is_none() { 2.0 } else { 4.0 };
            while metric(front, "relay_in_flight").await != full {
                assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(get(front, "/local").await.status, local, "{defect:?}");
        });
        let shed = waiting.iter().filter(|answer| answer.status == 503).count();
        assert_eq!(shed, if defect.is_none() { 2 } else { 0 });
        let late = waiting.iter().filter(|answer| answer.status == 504).count();
        assert_eq!(late + shed, 4);
    }
}
