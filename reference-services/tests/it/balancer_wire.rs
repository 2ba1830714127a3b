//! Clients of the load balancer that do not keep to the protocol, or to its bounds.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::{
    fleet::{Does, Endpoint, PATIENCE, Running, balancer, connect, group, metric, send, status},
    pool::start_api,
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
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: it\r\nhost: it\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: it\r\nhost: other\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: me@it\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.0\r\nhost: it\r\nhost: it\r\n\r\n".to_owned(), 400),
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

/// Sends a body in so many pieces, with a pause before each.
async fn upload(to: &Running, body: &str, pieces: usize, pause: Duration) -> Answer {
    let mut stream = connect(to.at).await;
    let length = body.len();
    let head = format!(
        "POST /v1/process HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    for piece in body.as_bytes().chunks(length.div_ceil(pieces)) {
        sleep(pause).await;
        // It may have been given up.
        if stream.write_all(piece).await.is_err() {
            break;
        }
    }
    Answer::read(&mut stream).await
}

#[tokio::test]
async fn a_slow_upload_is_the_clients_and_not_the_endpoints() {
    let (_running, api) = start_api(|_| ()).await;
    let (balancer, admin) = balancer(group(&[api]), |config| {
        config.per_try_timeout_ms = 400;
        config.outlier.failures = 1;
    })
    .await;
    let body = r#"{"id":"job-1","payload":{"n":1}}"#;
    for _ in 0..3 {
        let answer = upload(&balancer, body, 8, Duration::from_millis(100)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for counter in ["failures", "ejections"] {
        let series = format!("balancer_{counter}_total{{group=\"stable\"}}");
        assert_eq!(metric(admin, &series).await, Some(0.0), "{counter}");
    }
    assert_eq!(metric(admin, "balancer_retries_total").await, Some(0.0));
}

#[tokio::test]
async fn an_endpoint_that_does_not_take_or_answer_an_upload_is_late() {
    let endpoint = Endpoint::start(Does::Hangs).await;
    let (balancer, admin) = balancer(group(&[endpoint.at]), |config| {
        config.per_try_timeout_ms = 200;
    })
    .await;
    // One that fits into the buffers on the way, and one that does not.
    for (nth, length) in [(1.0, 100), (2.0, 15 << 20)] {
        let begun = Instant::now();
        let answer = upload(&balancer, &"x".repeat(length), 1, Duration::ZERO).await;
        assert_eq!(answer.problem(504), "the endpoint did not answer in time");
        assert!(begun.elapsed() < PATIENCE / 2, "it took {:?}", begun.elapsed());
        let failures = r#"balancer_failures_total{group="stable"}"#;
        assert_eq!(metric(admin, failures).await, Some(nth));
    }
}

#[tokio::test]
async fn an_upload_that_never_ends_is_given_up() {
    let endpoint = Endpoint::start(Does::Hangs).await;
    let (balancer, admin) = balancer(group(&[endpoint.at]), |config| {
        config.per_try_timeout_ms = 200;
        config.upload_timeout_ms = 400;
    })
    .await;
    let answer = upload(&balancer, &"x".repeat(1000), 1000, Duration::from_millis(20)).await;
    assert_eq!(answer.problem(408), "the body did not come in time");
    let failures = r#"balancer_failures_total{group="stable"}"#;
    assert_eq!(metric(admin, failures).await, Some(0.0), "it is not the endpoint's fault");
}

#[tokio::test]
async fn an_endpoint_gets_one_length_and_one_host() {
    let (balancer, _endpoint) = bounded(Does::Echoes).await;
    let both = "POST / HTTP/1.1\r\nhost: it\r\nconnection: close\r\n";
    let orders = [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
    ];
    for order in orders {
        let answer = send(balancer.at, &format!("{both}{order}\r\n0\r\n\r\n")).await;
        let seen = answer.body.to_lowercase();
        let lengths = ["content-length:", "transfer-encoding:"];
        let named = lengths.into_iter().filter(|name| seen.contains(name)).count();
        assert!(answer.status == 400 || named == 1, "{order}: {answer:?}");
    }
    let hidden = "GET / HTTP/1.1\r\nhost: it\r\nconnection: close, host\r\n\r\n";
    for _ in 0..2 {
        // Also on a connection that is kept.
        let answer = send(balancer.at, hidden).await;
        assert!(answer.body.contains("host: it\r\n"), "{answer:?}");
        let old = send(balancer.at, "GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(old.body.matches("host: 127.0.0.1:").count(), 1, "{old:?}");
    }
}

#[tokio::test]
async fn a_client_gets_one_length() {
    for order in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
    ] {
        let both = format!("HTTP/1.1 200 OK\r\n{order}\r\n4\r\nbody\r\n0\r\n\r\n");
        let (balancer, _endpoint) = bounded(Does::Answers(both)).await;
        let answer = balancer.get("/").await;
        let lengths = ["content-length", "transfer-encoding"];
        let named = lengths.iter().filter(|name| answer.header(name).is_some()).count();
        assert!(answer.status == 502 || named == 1, "{order}: {answer:?}");
        if answer.status == 200 {
            assert!(answer.body.contains("body"), "{order}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_request_in_a_circle_comes_to_an_end() {
    let (first, admin) = balancer(group(&[]), |_| ()).await;
    let (second, _) = balancer(group(&[first.at]), |_| ()).await;
    let named = serde_json::json!({ "groups": group(&[second.at]) });
    assert_eq!(crate::fleet::put(admin, "/endpoints", &named.to_string()).await.status, 204);
    let answer = first.get("/").await;
    assert_eq!(answer.problem(508), "the request has come here in a circle");
    let requests = r#"balancer_requests_total{group="stable"}"#;
    assert_eq!(metric(admin, requests).await, Some(1.0), "it went round once");
}
