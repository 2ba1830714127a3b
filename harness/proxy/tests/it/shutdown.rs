//! A server that stops, with connections open.

use squall_proxy::{Client, Options, ProxyConfig, Server, raise_descriptor_limit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    raw,
    support::{Line, PATIENCE, Tested, bytes, rest},
};

#[tokio::test]
async fn a_thousand_live_connections_end_when_the_server_stops() {
    raise_descriptor_limit();
    let line = Line::of(Tested::ours(Options::default()).await, "many").await;
    let mut ends = Vec::new();
    for _ in 0..1000 {
        let (mut client, mut service) = line.connect().await;
        client.write_all(b"a").await.expect("bytes");
        assert_eq!(bytes(&mut service, 1).await, b"a");
        ends.push((client, service));
    }
    let (proxy, api) = (line.proxy.listen.clone(), line.tested.address());
    timeout(PATIENCE, line.tested.stop()).await.expect("an end in time");
    for address in [proxy, api.to_string()] {
        let refused = TcpStream::connect(&address).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "{address}");
    }
    for (mut client, mut service) in ends {
        assert_eq!(rest(&mut client).await.0, b"");
        assert_eq!(rest(&mut service).await.0, b"");
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_stops_as_well() {
    let server = Server::start(Options::default()).await.expect("a server");
    let api = server.address();
    let client = Client::new(&format!("http://{api}")).expect("a URL");
    let config = ProxyConfig::new("p", "127.0.0.1:0", "127.0.0.1:9");
    let proxy = client.create(&config).await.expect("a proxy").listen;
    drop(server);
    for address in [proxy, api.to_string()] {
        let ended = async {
            while TcpStream::connect(&address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, ended).await.expect("an end in time");
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_stops() {
    let tested = Tested::ours(Options::default()).await;
    let address = tested.address();
    let mut socket = TcpStream::connect(address).await.expect("the server listens");
    let body = r#"{"name":"p","listen":"127.0.0.1:0","upstream":"u:1"}"#;
    let head = "POST /proxies HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n";
    let head = format!("{head}content-length: {}\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).await.expect("bytes");
    // It is in the middle of the request when it says that it waits for the rest.
    let mut proceed = [0; 25];
    socket.read_exact(&mut proceed).await.expect("a word");
    assert_eq!(&proceed, b"HTTP/1.1 100 Continue\r\n\r\n");
    let finish = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        socket.write_all(body.as_bytes()).await.expect("bytes");
        raw::answer(&mut socket).await
    };
    let both = async { tokio::join!(tested.stop(), finish) };
    let ((), answer) = timeout(PATIENCE, both).await.expect("an end in time");
    assert_eq!(answer.status, 201, "{}", answer.body);
}
