//! The client, through every call.

use std::collections::BTreeMap;

use squall_proxy::{
    Attributes, Bandwidth, Client, ClientError,
    Direction::{Downstream, Upstream},
    Latency, LimitData, NewToxic, Noop, Options, ProxyConfig, ProxyUpdate, ResetPeer, Shown,
    Slicer, SlowClose, Timeout, VERSION,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Line, Tested, bytes, rest};

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>, expected: u16, sentence: &str) {
    match answer {
        Err(ClientError::Refused { status, message }) => {
            assert_eq!((status, message.as_str()), (expected, sentence));
        }
        other => panic!("expected {expected} {sentence}, found {other:?}"),
    }
}

#[tokio::test]
async fn proxies_are_created_changed_and_deleted() {
    let tested = Tested::ours(Options::default()).await;
    let client = &tested.client;
    assert_eq!(client.version().await.expect("a version"), VERSION);
    assert_eq!(client.proxies().await.expect("proxies"), BTreeMap::new());

    let config = ProxyConfig::new("a/b c", "127.0.0.1:0", "127.0.0.1:9");
    let created = client.create(&config).await.expect("a proxy");
    assert!(created.enabled && !created.listen.ends_with(":0"), "{created:?}");
    refused(client.create(&config).await, 409, "proxy already exists");

    // Its router takes names with a slash apart, as that of the real one does.
    refused(client.proxy("a/b c").await, 404, "404 page not found");
    let config = ProxyConfig { name: "a b".to_owned(), ..config };
    let created = client.create(&config).await.expect("a proxy");
    assert_eq!(client.proxy("a b").await.expect("a proxy"), created);
    assert_eq!(client.proxies().await.expect("proxies").len(), 2);

    let update =
        ProxyUpdate { upstream: Some("127.0.0.1:10".to_owned()), ..ProxyUpdate::default() };
    let updated = client.update("a b", &update).await.expect("a proxy");
    assert_eq!((updated.upstream.as_str(), updated.enabled), ("127.0.0.1:10", true));
    let off = client.update("a b", &ProxyUpdate::enabled(false)).await.expect("a proxy");
    assert!(!off.enabled);
    client.reset().await.expect("a reset");
    assert!(client.proxy("a b").await.expect("a proxy").enabled);

    client.delete("a b").await.expect("a proxy");
    refused(client.delete("a b").await, 404, "proxy not found");
    let populated = client.populate(&[config]).await.expect("proxies");
    assert_eq!(populated.len(), 1);
    assert_eq!(client.populate(&[]).await.expect("proxies"), []);
    tested.stop().await;
}

#[tokio::test]
async fn toxics_of_all_types_are_added_changed_and_removed() {
    let tested = Tested::ours(Options::default()).await;
    let client = &tested.client;
    client.create(&ProxyConfig::new("p", "127.0.0.1:0", "127.0.0.1:9")).await.expect("a proxy");
    let all = [
        Attributes::Latency(Latency { latency: 1, jitter: 2 }),
        Attributes::Bandwidth(Bandwidth { rate: 3 }),
        Attributes::SlowClose(SlowClose { delay: 4 }),
        Attributes::Timeout(Timeout { timeout: 5 }),
        Attributes::ResetPeer(ResetPeer { timeout: 6 }),
        Attributes::Slicer(Slicer { average_size: 7, size_variation: 8, delay: 9 }),
        Attributes::LimitData(LimitData { bytes: 10 }),
        Attributes::Noop(Noop {}),
    ];
    for attributes in all {
        let name = format!("{}_upstream", attributes.type_name());
        let toxic = NewToxic::new(attributes, Upstream).toxicity(0.5);
        let added = client.add_toxic("p", &toxic).await.expect("a toxic");
        assert_eq!((added.name.as_str(), added.stream), (name.as_str(), Upstream));
        assert_eq!((added.attributes, added.toxicity), (attributes, 0.5));
        refused(client.add_toxic("p", &toxic).await, 409, "toxic already exists");
        let changed = client.update_toxic("p", &name, attributes, 0.25).await.expect("a toxic");
        assert_eq!((changed.attributes, changed.toxicity), (attributes, 0.25));
        assert_eq!(client.toxic("p", &name).await.expect("a toxic"), changed);
    }
    assert_eq!(client.toxics("p").await.expect("toxics").len(), all.len());
    for attributes in all {
        let name = format!("{}_upstream", attributes.type_name());
        client.remove_toxic("p", &name).await.expect("a toxic");
        refused(client.remove_toxic("p", &name).await, 404, "toxic not found");
    }
    tested.stop().await;
}

#[tokio::test]
async fn metrics_count_bytes_while_they_pass() {
    let line = Line::of(Tested::ours(Options::default()).await, "counted").await;
    let (mut client, mut service) = line.connect().await;
    client.write_all(b"abc").await.expect("bytes");
    assert_eq!(bytes(&mut service, 3).await, b"abc");
    service.write_all(b"defgh").await.expect("bytes");
    assert_eq!(bytes(&mut client, 5).await, b"defgh");
    let lost = Attributes::LimitData(LimitData { bytes: 2 });
    line.add("lost", lost, Downstream).await;
    service.write_all(b"ijkl").await.expect("bytes");
    assert_eq!(rest(&mut client).await.0, b"ij");
    let page = line.tested.client.metrics().await.expect("a page");
    let (listen, upstream) = (&line.proxy.listen, &line.proxy.upstream);
    for (name, direction, count) in [
        ("received", "upstream", 3),
        ("sent", "upstream", 3),
        ("received", "downstream", 9),
        ("sent", "downstream", 7),
    ] {
        let expected = format!(
            "toxiproxy_proxy_{name}_bytes_total{{direction=\"{direction}\",\
             listener=\"{listen}\",proxy=\"counted\",upstream=\"{upstream}\"}} {count}"
        );
        assert!(page.lines().any(|found| found == expected), "{expected}\n{page}");
    }
    line.close().await;
}

#[tokio::test]
async fn without_metrics_there_is_no_page() {
    let mut options = Options::default();
    options.metrics = Shown::default();
    let tested = Tested::ours(options).await;
    refused(tested.client.metrics().await, 404, "404 page not found");
    tested.stop().await;
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let client = Client::new(&format!("http://{address}")).expect("a URL");
    let answering = |answer: &'static [u8]| async {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut request = [0; 1024];
        assert!(socket.read(&mut request).await.expect("a request") > 0);
        socket.write_all(answer).await.expect("an answer");
    };
    for (answer, expected) in [
        (&b""[..], "no answer from"),
        (b"nonsense\r\n\r\n", "no answer from"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", "expected an answer of Toxiproxy"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]", "expected an answer of Toxiproxy"),
        (b"HTTP/1.1 502 Bad\r\ncontent-length: 3\r\n\r\nno\n", "no (HTTP status 502)"),
    ] {
        let (found, ()) = tokio::join!(client.proxies(), answering(answer));
        let found = found.expect_err("an error").to_string();
        assert!(found.starts_with(expected), "expected {expected}, found {found}");
    }
    drop(listener);
    let found = client.proxies().await.expect_err("an error").to_string();
    assert_eq!(found, format!("cannot connect to {address}"));
}
