//! Clients that do not keep to the protocol, or to its bounds; and trace context.

use std::time::Duration;

use tokio::{io::AsyncReadExt, time::timeout};

use crate::world::{Answer, Plan};

#[tokio::test]
async fn malformed_http_is_refused() {
    let world = Plan::default().start().await;
    assert_eq!(world.send("this is no HTTP\r\n\r\n").await.status, 400);
    assert_eq!(world.send("GET / HTTP/1.1\r\nbad header\r\n\r\n").await.status, 400);
    assert_eq!(world.get("/healthz").await.status, 200, "it lives on");
}

#[tokio::test]
async fn oversize_requests_are_refused() {
    let world = Plan::default().start().await;
    let value = "x".repeat(20_000);
    let request = format!("GET /products/1 HTTP/1.1\r\nhost: api\r\nx: {value}\r\n\r\n");
    assert_eq!(world.send(&request).await.status, 431);
    let fields: String = (0..100).map(|nth| format!("x-{nth}: y\r\n")).collect();
    let request = format!("GET /products/1 HTTP/1.1\r\n{fields}\r\n");
    assert_eq!(world.send(&request).await.status, 431);
    let request = "GET /products/1 HTTP/1.1\r\nhost: api\r\ncontent-length: 9999999\r\n\r\n";
    let answer = world.send(request).await;
    answer.problem(413);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_slow_header_ends_the_connection() {
    let world = Plan::default().api(|config| config.header_timeout_ms = 50).start().await;
    let mut stream = world.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /heal").await.expect("written");
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn beyond_the_bound_connections_wait() {
    let world = Plan::default().api(|config| config.connections_max = 1).start().await;
    let idle = world.connect().await;
    let waiting = timeout(Duration::from_millis(100), world.get("/healthz")).await;
    assert!(waiting.is_err(), "a second connection was served");
    drop(idle);
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_connection_carries_request_after_request() {
    let world = Plan::default().start().await;
    let mut stream = world.connect().await;
    let pipelined = "GET /products/1 HTTP/1.1\r\nhost: api\r\n\r\n\
                     GET /healthz HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, pipelined.as_bytes()).await.expect("written");
    let both = Answer::read(&mut stream).await;
    assert_eq!(both.status, 200);
    assert_eq!(both.body.matches("HTTP/1.1 200 OK").count(), 1, "{both:?}");
}
