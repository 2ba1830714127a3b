//! Bad input to every service of the pool: a clear answer, and it lives on.

use std::time::Duration;

use reference_services::pb::{
    queue::{AckRequest, ExtendRequest, Lease, LeaseRequest},
    results::{GetRequest, PutRequest},
};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tonic::Code;

use super::{Broker, Folder, World, results, send, send_bytes, start_api, start_store};

#[tokio::test]
async fn jobs_that_are_none_are_refused() {
    let broker = Broker::start(&Folder::new(), |_| ()).await;
    let post = async |body: &str| send(broker.jobs, "POST", "/jobs", body).await;
    for body in ["", "{", "[]", "null", r#"{"id":1,"payload":1}"#, r#"{"id":"a"}"#, "\u{0}"] {
        let detail = post(body).await.problem(400);
        assert_eq!(detail, "expected a JSON object with an id and a payload", "{body:?}");
    }
    for id in ["", "a b", "../a", "\u{e9}", &"x".repeat(129)] {
        let detail = broker.post(id, &json!(1)).await.problem(400);
        assert_eq!(detail, "expected an id of 1 to 128 letters, digits and ._:-", "{id:?}");
    }
    // However deep a payload is: the broker looks for its end, and no further.
    let deep = format!(r#"{{"id":"deep","payload":{}1{}}}"#, "[".repeat(9000), "]".repeat(9000));
    assert_eq!(post(&deep).await.status, 202);
    let (_running, api) = start_api(|_| ()).await;
    send(api, "POST", "/v1/process", &deep).await.problem(400);
    assert_eq!(broker.post("a", &json!(1)).await.status, 202, "it lives on");
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let broker = Broker::start(&Folder::new(), |_| ()).await;
    let large = json!("x".repeat(70_000));
    let answer = broker.post("a", &large).await;
    assert_eq!(answer.problem(413), "the body is too large");
    assert_eq!(answer.header("connection"), Some("close"));
    let value = "x".repeat(20_000);
    let request = format!("POST /jobs HTTP/1.1\r\nhost: pool\r\nx: {value}\r\n\r\n");
    assert_eq!(send_bytes(broker.jobs, request.as_bytes()).await.status, 431);
    let fields: String = (0..100).map(|nth| format!("x-{nth}: y\r\n")).collect();
    let request = format!("GET /stats HTTP/1.1\r\n{fields}\r\n");
    assert_eq!(send_bytes(broker.jobs, request.as_bytes()).await.status, 431);
    assert_eq!(broker.get("/healthz").await.status, 200, "it lives on");
}

#[tokio::test]
async fn unknown_routes_and_methods_get_problems() {
    let world = World::start(|_| (), |_| ()).await;
    let (jobs, api) = (world.broker.jobs, world.api);
    for (address, method, path, status) in [
        (jobs, "GET", "/", 404),
        (jobs, "GET", "/jobs/a", 404),
        (jobs, "GET", "/jobs", 405),
        (jobs, "POST", "/stats", 405),
        (jobs, "DELETE", "/deadletter/a", 405),
        (jobs, "GET", "/deadletter/a/replay", 405),
        (jobs, "GET", "/deadletter/a/b/c", 405),
        (jobs, "POST", "/metrics", 405),
        (api, "GET", "/v1/process", 405),
        (api, "GET", "/v1", 404),
        (world.probes, "GET", "/jobs", 404),
        (world.probes, "POST", "/readyz", 405),
    ] {
        let answer = send(address, method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        answer.problem(status);
    }
    for address in [jobs, api, world.probes] {
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(send(address, "GET", path, "").await.status, 200, "{path}");
        }
        assert_eq!(send_bytes(address, b"this is no HTTP\r\n\r\n").await.status, 400);
    }
}

#[tokio::test]
async fn who_sends_slowly_is_not_waited_for() {
    let tune = |config: &mut reference_services::queue_broker::Config| {
        config.http.header_timeout_ms = 50;
        config.http.body_timeout_ms = 50;
    };
    let broker = Broker::start(&Folder::new(), tune).await;
    let head = "POST /jobs HTTP/1.1\r\nhost: pool\r\ncontent-length: 100\r\n\r\n{";
    let answer = send_bytes(broker.jobs, head.as_bytes()).await;
    assert_eq!(answer.problem(408), "the body did not come in time");
    let mut stream = TcpStream::connect(broker.jobs).await.expect("it listens");
    stream.write_all(b"POST /jo").await.expect("written");
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let broker = Broker::start(&Folder::new(), |_| ()).await;
    let mut stream = TcpStream::connect(broker.jobs).await.expect("it listens");
    let head = "POST /jobs HTTP/1.1\r\nhost: pool\r\ncontent-length: 100\r\n\r\n{\"id\":\"a\"";
    stream.write_all(head.as_bytes()).await.expect("written");
    drop(stream);
    broker.reaches("queued", 0).await;
}

#[tokio::test]
async fn calls_that_are_none_are_refused() {
    let broker = Broker::start(&Folder::new(), |_| ()).await;
    let mut client = broker.client();
    let code = |status: tonic::Status| status.code();
    let lease =
        |worker: &str, jobs_max| LeaseRequest { worker: worker.to_owned(), jobs_max, wait_ms: 0 };
    for request in [lease("", 1), lease("a b", 1), lease("w", 0), lease(&"x".repeat(65), 1)] {
        let refused = client.lease(request).await.map_err(code).expect_err("refused");
        assert_eq!(refused, Code::InvalidArgument);
    }
    let none = client.ack(AckRequest { lease: None }).await.map_err(code).expect_err("refused");
    assert_eq!(none, Code::InvalidArgument);
    let many = vec![Lease { job: "a".to_owned(), token: 1 }; 5000];
    let request = ExtendRequest { leases: many };
    let refused = client.extend(request).await.map_err(code).expect_err("refused");
    assert_eq!(refused, Code::InvalidArgument);
    let large = vec![Lease { job: "x".repeat(1000), token: 1 }; 2000];
    let request = ExtendRequest { leases: large };
    let refused = client.extend(request).await.map_err(code).expect_err("refused");
    assert_eq!(refused, Code::OutOfRange, "more than the server decodes");
    assert!(client.lease(lease("w", u32::MAX)).await.is_ok(), "it lives on");
}

#[tokio::test]
async fn results_that_are_none_are_refused() {
    let (_running, address) = start_store(&Folder::new()).await;
    let mut client = results(address);
    let code = |status: tonic::Status| status.code();
    let put = |job: &str, bytes| PutRequest { job: job.to_owned(), result: vec![b'x'; bytes] };
    for request in [put("", 1), put(&"x".repeat(129), 1)] {
        let refused = client.put(request).await.map_err(code).expect_err("refused");
        assert_eq!(refused, Code::InvalidArgument);
    }
    let refused = client.put(put("a", 65_537)).await.map_err(code).expect_err("refused");
    assert_eq!(refused, Code::InvalidArgument);
    let refused = client.put(put("a", 100_000)).await.map_err(code).expect_err("refused");
    assert_eq!(refused, Code::OutOfRange);
    let get = GetRequest { job: "a".to_owned() };
    assert_eq!(client.get(get).await.map_err(code).expect_err("none"), Code::NotFound);
    assert!(client.put(put("a", 65_536)).await.is_ok(), "it lives on");
}

#[tokio::test]
async fn a_port_for_calls_answers_no_other_protocol() {
    let broker = Broker::start(&Folder::new(), |_| ()).await;
    for bytes in [&b"GET / HTTP/1.1\r\nhost: pool\r\n\r\n"[..], &[0xff; 64], b""] {
        let mut stream = TcpStream::connect(broker.workers).await.expect("it listens");
        stream.write_all(bytes).await.expect("written");
        stream.shutdown().await.expect("half closed");
        let mut rest = Vec::new();
        let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the connection is still open");
    }
    let request = LeaseRequest { worker: "w".to_owned(), jobs_max: 1, wait_ms: 0 };
    assert!(broker.client().lease(request).await.is_ok(), "it lives on");
}

#[tokio::test]
async fn the_external_api_admits_no_more_than_its_limit() {
    let tune = |config: &mut reference_services::external_api::Config| {
        config.concurrency_max = 1;
        config.latency = reference_services::dependency::Latency::Constant { ms: 300.0 };
    };
    let (_running, address) = start_api(tune).await;
    let call = || send(address, "POST", "/v1/process", r#"{"id":"a","payload":1}"#);
    let (first, second) = tokio::join!(call(), call());
    let (served, refused) = if first.status == 200 { (first, second) } else { (second, first) };
    assert_eq!(served.status, 200);
    assert_eq!(refused.problem(429), "too many calls at once");
    assert_eq!(refused.header("retry-after"), Some("1"));
    send(address, "POST", "/v1/process", "{").await.problem(400);
    let large = json!({ "id": "a", "payload": "x".repeat(70_000) }).to_string();
    send(address, "POST", "/v1/process", &large).await.problem(413);
}
