//! Clients of the load balancer that do not keep to the protocol, or to its bounds.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    fleet::{Does, Endpoint, PATIENCE, Running, balancer, connect, group, send, status},
    world::Answer,
};

async fn bounded(does: Does) -> (Running, Endpoint) {
    let endpoint = Endpoint::start(does).await;
    let (balancer, _) = balancer(group(&[endpoint.at]), |config| {
        config.http.header_timeout_ms = 50;
        config.http.body_bytes_max = 1000;
        config.stall_timeout_ms = 50;
        config.per_try_timeout_ms = 2_000;
    })
    .await;
    (balancer, endpoint)
}

#[tokio::test]
async fn malformed_and_oversize_requests_reach_no_endpoint() {
    let (balancer, endpoint) = bounded(status(200)).await;
    let long = "x".repeat(20_000);
    let fields: String = (0..100).map(|nth| format!("x-{nth}: y\r\n")).collect();
    for (request, expected) in [
        ("this is no HTTP\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nbad header\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nhost: it\r\nx: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\n{fields}\r\n"), 431),
        ("POST / HTTP/1.1\r\nhost: it\r\ncontent-length: 1001\r\n\r\n".to_owned(), 413),
        ("CONNECT shop:443 HTTP/1.1\r\nhost: it\r\n\r\n".to_owned(), 501),
    ] {
        assert_eq!(send(balancer.at, &request).await.status, expected, "{request:.80}");
    }
    assert_eq!(endpoint.requests(), 0);
    assert_eq!(balancer.get("/").await.status, 200, "it lives on");
}

#[tokio::test]
async fn a_chunked_body_is_bounded_too() {
    let (balancer, _endpoint) = bounded(Does::Hangs).await;
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    let head = "POST / HTTP/1.1\r\nhost: it\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = send(balancer.at, &format!("{head}{chunk}{chunk}0\r\n\r\n")).await;
    assert_eq!(answer.problem(413), "the body is too large");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (balancer, _endpoint) = bounded(Does::Hangs).await;
    let request = "POST / HTTP/1.1\r\nhost: it\r\ncontent-length: 10\r\n\r\nhalf";
    assert_eq!(send(balancer.at, request).await.problem(408), "the body did not come in time");
}

#[tokio::test]
async fn an_answer_that_stalls_is_cut_off() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let (balancer, _endpoint) = bounded(Does::Answers(half.to_owned())).await;
    let mut stream = connect(balancer.at).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: it\r\n\r\n").await.expect("written");
    let mut seen = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut seen)).await.expect("it ends");
    let whole = read.is_ok() && seen.ends_with(b"half");
    assert!(read.is_err() || whole, "{seen:?}");
    assert!(seen.ends_with(b"half"), "{:?}", String::from_utf8_lossy(&seen));
}

#[tokio::test]
async fn a_slow_header_ends_the_connection() {
    let (balancer, endpoint) = bounded(status(200)).await;
    let mut stream = connect(balancer.at).await;
    stream.write_all(b"GET / HT").await.expect("written");
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert_eq!(endpoint.requests(), 0);
}

#[tokio::test]
async fn a_client_that_shut_its_half_gets_its_answer() {
    let (balancer, _endpoint) = bounded(Does::Echoes).await;
    let mut stream = connect(balancer.at).await;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("written");
    stream.shutdown().await.expect("shut");
    // Whoever shuts its half may as well be gone: an answer or an end, and nothing in between.
    let mut seen = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut seen)).await.expect("it ends").expect("in order");
    assert!(seen.is_empty() || seen.starts_with(b"HTTP/1.0 200"), "{seen:?}");
    assert_eq!(balancer.get("/").await.status, 200);
}

#[tokio::test]
async fn a_client_of_the_old_protocol_gets_its_answer() {
    let (balancer, endpoint) = bounded(Does::Echoes).await;
    let mut stream = connect(balancer.at).await;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("written");
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status, 200);
    let host = format!("host: {}\r\n", endpoint.at);
    assert!(answer.body.to_lowercase().contains(&host), "{answer:?}");
}
