//! What several tests need: a server to test, a service behind it, and patience with an end.

use std::{env, io, net::SocketAddr, time::Duration};

use squall_proxy::{
    Attributes, Client, Direction, NewToxic, Options, ProxyConfig, ProxyState, Server,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Nothing here takes that long, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server and its client: one of our own, or the one that the environment names.
pub(crate) struct Tested {
    pub(crate) client: Client,
    server: Option<Server>,
}

impl Tested {
    pub(crate) async fn start() -> Self {
        match env::var("TOXIPROXY") {
            Ok(url) => Self { client: Client::new(&url).expect("a URL"), server: None },
            Err(_) => Self::ours(Options::default()).await,
        }
    }

    pub(crate) async fn ours(options: Options) -> Self {
        let server = Server::start(options).await.expect("a server");
        let url = format!("http://{}", server.address());
        Self { client: Client::new(&url).expect("a URL"), server: Some(server) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("our own server").address()
    }

    pub(crate) async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

/// A proxy with a listener behind it, and a test that plays both ends.
pub(crate) struct Line {
    pub(crate) tested: Tested,
    pub(crate) proxy: ProxyState,
    service: TcpListener,
}

impl Line {
    pub(crate) async fn new(name: &str) -> Self {
        Self::of(Tested::start().await, name).await
    }

    pub(crate) async fn of(tested: Tested, name: &str) -> Self {
        let service = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let upstream = service.local_addr().expect("an address").to_string();
        // The server of the environment has the proxies of other runs.
        drop(tested.client.delete(name).await);
        let proxy = tested.client.create(&ProxyConfig::new(name, "127.0.0.1:0", upstream)).await;
        Self { proxy: proxy.expect("a proxy"), service, tested }
    }

    /// Both ends of a new connection: the client's and the service's.
    pub(crate) async fn connect(&self) -> (TcpStream, TcpStream) {
        let connected = async {
            let client = TcpStream::connect(&self.proxy.listen).await?;
            let (service, _) = self.service.accept().await?;
            io::Result::Ok((client, service))
        };
        timeout(PATIENCE, connected).await.expect("in time").expect("a connection")
    }

    pub(crate) async fn add(&self, name: &str, attributes: Attributes, stream: Direction) {
        let toxic = NewToxic::new(attributes, stream).named(name);
        let added = self.tested.client.add_toxic(&self.proxy.name, &toxic).await.expect("a toxic");
        assert_eq!(added.attributes, attributes);
    }

    pub(crate) async fn change(&self, name: &str, attributes: Attributes, toxicity: f32) {
        let change = self.tested.client.update_toxic(&self.proxy.name, name, attributes, toxicity);
        change.await.expect("a change");
    }

    pub(crate) async fn remove(&self, name: &str) {
        self.tested.client.remove_toxic(&self.proxy.name, name).await.expect("a toxic");
    }

    pub(crate) async fn close(self) {
        self.tested.client.delete(&self.proxy.name).await.expect("a proxy");
        self.tested.stop().await;
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Orderly,
    Reset,
}

/// All that comes until the end, and which end that is.
pub(crate) async fn rest(socket: &mut TcpStream) -> (Vec<u8>, Ended) {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("an end in time");
    match read {
        Ok(_) => (bytes, Ended::Orderly),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => (bytes, Ended::Reset),
        Err(error) => panic!("{error}"),
    }
}

/// So many bytes.
pub(crate) async fn bytes(socket: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let read = timeout(PATIENCE, socket.read_exact(&mut bytes)).await;
    read.expect("bytes in time").expect("bytes");
    bytes
}

/// Nothing comes for a while, and no end either.
#[track_caller]
pub(crate) fn silent(
    socket: &mut TcpStream,
    lasting: Duration,
) -> impl Future<Output = ()> + use<'_> {
    let place = std::panic::Location::caller();
    async move {
        let mut byte = [0];
        let read = timeout(lasting, socket.read(&mut byte)).await;
        assert!(read.is_err(), "{place}: expected silence, found {read:?} {byte:?}");
    }
}
