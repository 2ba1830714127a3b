//! Input that is too much, too slow or not allowed, and clients that hold nobody else up.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use squall_proxy::{Options, ProxyConfig, Server, StartError, raise_descriptor_limit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    raw,
    support::{Line, PATIENCE, Tested, bytes, rest},
};

#[tokio::test]
async fn a_body_of_64_megabytes_is_too_large() {
    let tested = Tested::ours(Options::default()).await;
    for body in ["x", " "] {
        let body = body.repeat(64 * 1024 * 1024);
        let asked = raw::ask(tested.address(), "POST", "/proxies", &[], Some(&body));
        let answer = timeout(PATIENCE, asked).await.expect("in time");
        assert_eq!(answer.status, 413);
        let expected = "{\"error\":\"request body is larger than 4194304 bytes\",\"status\":413}\n";
        assert_eq!(answer.body, expected);
    }
    // Just small enough.
    let body = format!("{}{{}}", " ".repeat(4 * 1024 * 1024 - 2));
    let answer = raw::ask(tested.address(), "POST", "/proxies", &[], Some(&body)).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.contains("missing required field: name"), "{}", answer.body);
    tested.stop().await;
}

#[tokio::test]
async fn half_open_clients_hold_nobody_up() {
    raise_descriptor_limit();
    let tested = Tested::ours(Options::default()).await;
    let mut silent = Vec::new();
    // More than there may be at once.
    for at in 0..600 {
        let mut socket = TcpStream::connect(tested.address()).await.expect("the server listens");
        let begun: &[u8] = match at % 3 {
            0 => b"",
            1 => b"POST /proxies HT",
            _ => b"POST /proxies HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{",
        };
        socket.write_all(begun).await.expect("bytes");
        silent.push(socket);
    }
    let version = timeout(PATIENCE, tested.client.version()).await;
    version.expect("in time").expect("a version");
    let config = ProxyConfig::new("p", "127.0.0.1:0", "127.0.0.1:9");
    timeout(PATIENCE, tested.client.create(&config)).await.expect("in time").expect("a proxy");
    // The oldest had to go, the newest did not.
    let (oldest, newest) = (silent.swap_remove(0), silent.pop());
    let (mut oldest, mut newest) = (oldest, newest.expect("a connection"));
    // Well before the time that the head of a request may take.
    let gone = timeout(Duration::from_secs(10), rest(&mut oldest)).await;
    assert_eq!(gone.expect("an end at once").0, b"");
    assert!(timeout(Duration::from_millis(50), newest.read_u8()).await.is_err());
    tested.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_its_own_connection_only() {
    let line = Line::of(Tested::ours(Options::default()).await, "stuck").await;
    let (stuck, mut service) = line.connect().await;
    // As much as goes in: buffers of two sockets.
    let block = vec![0; 1 << 20];
    while let Ok(written) = timeout(Duration::from_millis(300), service.write_all(&block)).await {
        written.expect("bytes");
    }
    let (mut client, mut other) = line.connect().await;
    other.write_all(b"a").await.expect("bytes");
    assert_eq!(bytes(&mut client, 1).await, b"a");
    line.tested.client.version().await.expect("a version");
    drop(stuck);
    rest(&mut service).await;
    line.close().await;
}

#[tokio::test]
async fn proxies_listen_on_loopback_unless_others_are_allowed() {
    let tested = Tested::ours(Options::default()).await;
    for listen in ["0.0.0.0:0", "[::]:0", ":0", ""] {
        let config = ProxyConfig::new("p", listen, "127.0.0.1:9");
        let refused = tested.client.create(&config).await.expect_err("not loopback").to_string();
        let expected = format!(
            "listen address \"{listen}\" is not loopback, and this server does not allow others \
             (start it with --allow-remote) (HTTP status 403)"
        );
        assert_eq!(refused, expected);
    }
    tested.stop().await;

    let mut options = Options::default();
    options.allow_remote = true;
    let tested = Tested::ours(options).await;
    for listen in ["0.0.0.0:0", ":0", ""] {
        let config = ProxyConfig::new(format!("p{listen}"), listen, "127.0.0.1:9");
        let proxy = tested.client.create(&config).await.expect("a proxy");
        let port = proxy.listen.rsplit(':').next().expect("a port");
        TcpStream::connect(format!("127.0.0.1:{port}")).await.expect("it listens everywhere");
    }
    tested.stop().await;
}

#[tokio::test]
async fn the_api_listens_on_loopback_on_a_port_that_is_free() {
    let start = |listen: &str| {
        let mut options = Options::default();
        listen.clone_into(&mut options.listen);
        Server::start(options)
    };
    let wrong = start("0.0.0.0:0").await.expect_err("not loopback");
    assert!(matches!(wrong, StartError::NotLoopback(_)), "{wrong}");
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let wrong = start(&address).await.expect_err("a port in use").to_string();
    assert_eq!(wrong, format!("cannot listen on {address}: bind: address already in use"));
    let wrong = start("127.0.0.1").await.expect_err("no port").to_string();
    assert_eq!(wrong, "address 127.0.0.1: missing port in address");
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_told_of() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut options = Options::default();
    let log = Arc::clone(&said);
    options.log = Arc::new(move |sentence| log.lock().expect("a lock").push(sentence.to_owned()));
    let tested = Tested::ours(options).await;
    let config = ProxyConfig::new("p", "127.0.0.1:0", "127.0.0.1:1");
    let proxy = tested.client.create(&config).await.expect("a proxy");
    let mut client = TcpStream::connect(&proxy.listen).await.expect("the proxy listens");
    rest(&mut client).await;
    let said = said.lock().expect("a lock").join("\n");
    assert!(said.starts_with("proxy p: cannot connect to 127.0.0.1:1: "), "{said}");
    tested.stop().await;
}

#[tokio::test]
async fn a_refused_change_of_a_toxic_changes_nothing() {
    let tested = Tested::ours(Options::default()).await;
    let ask = |method, path, body| raw::ask(tested.address(), method, path, &[], Some(body));
    let off = r#"{"name":"p","listen":"127.0.0.1:1","upstream":"u:1","enabled":false}"#;
    assert_eq!(ask("POST", "/proxies", off).await.status, 201);
    let toxic = ask("POST", "/proxies/p/toxics", r#"{"type":"latency","name":"t"}"#).await;
    let half = r#"{"attributes":{"latency":5,"jitter":"x"},"toxicity":0.5}"#;
    assert_eq!(ask("PATCH", "/proxies/p/toxics/t", half).await.status, 400);
    assert_eq!(ask("GET", "/proxies/p/toxics/t", "").await.body, toxic.body);
    tested.stop().await;
}
