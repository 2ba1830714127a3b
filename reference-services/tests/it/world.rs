//! The API and its dependencies in one process, and a client that shows the bytes.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reference_services::{
    aggregation::{self, Addresses},
    dependency::{self, Kind, Latency},
};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a test wants its dependency.
pub(crate) type Tune = fn(&mut dependency::Config);

/// A running API with its dependencies.
pub(crate) struct World {
    pub(crate) api: SocketAddr,
    pub(crate) serving: JoinHandle<Result<(), aggregation::Error>>,
    /// Connections made to dependencies.
    pub(crate) connections: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
}

/// What to start.
#[derive(Default)]
pub(crate) struct Plan {
    down: Vec<Kind>,
    tuned: BTreeMap<Kind, Tune>,
    replicas: BTreeMap<Kind, Vec<SocketAddr>>,
    api: aggregation::Config,
}

impl Plan {
    /// This one refuses connections.
    pub(crate) fn down(mut self, kind: Kind) -> Self {
        self.down.push(kind);
        self
    }

    /// This one is at these addresses, where somebody listens already.
    pub(crate) fn replicas(mut self, kind: Kind, addresses: &[SocketAddr]) -> Self {
        self.replicas.insert(kind, addresses.to_vec());
        self
    }

    /// This one behaves as `tune` says.
    pub(crate) fn tuned(mut self, kind: Kind, tune: Tune) -> Self {
        self.tuned.insert(kind, tune);
        self
    }

    /// This one takes ten seconds.
    pub(crate) fn hanging(self, kind: Kind) -> Self {
        self.tuned(kind, |config| config.latency = Some(Latency::Constant { ms: 10_000.0 }))
    }

    /// The API is configured as `tune` says.
    pub(crate) fn api(mut self, tune: impl FnOnce(&mut aggregation::Config)) -> Self {
        tune(&mut self.api);
        self
    }

    pub(crate) async fn start(mut self) -> World {
        let connections = Arc::new(AtomicUsize::new(0));
        let scheme = if self.api.upstreams.tls.is_some() { "https" } else { "http" };
        for kind in Kind::ALL {
            if let Some(replicas) = self.replicas.get(&kind) {
                let urls = replicas.iter().map(|address| format!("http://{address}"));
                *upstream(&mut self.api, kind) = Addresses::Several(urls.collect());
                continue;
            }
            let address = if self.down.contains(&kind) {
                nobody_at().await
            } else {
                let mut config = dependency::Config::new(kind);
                config.listen = Some("127.0.0.1:0".to_owned());
                config.latency = Some(Latency::Constant { ms: 1.0 });
                if let Some(tune) = self.tuned.get(&kind) {
                    tune(&mut config);
                }
                relay(start_dependency(config).await, Arc::clone(&connections)).await
            };
            *upstream(&mut self.api, kind) = format!("{scheme}://{address}").into();
        }
        self.api.listen = "127.0.0.1:0".to_owned();
        let bound = aggregation::bind(self.api).await.expect("a free port");
        let api = bound.local_addr();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(bound.serve_until(async move {
            // A world that is dropped stops too.
            let _ = stopped.await;
            Ok(())
        }));
        World { api, serving, connections, stop: Some(stop) }
    }
}

pub(crate) async fn start_dependency(config: dependency::Config) -> SocketAddr {
    let bound = dependency::bind(config).await.expect("a free port");
    let address = bound.local_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    address
}

/// Passes bytes on and counts connections.
async fn relay(to: SocketAddr, connections: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.expect("the dependency listens");
                // Either end may go away at any time.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

fn upstream(config: &mut aggregation::Config, kind: Kind) -> &mut Addresses {
    match kind {
        Kind::Inventory => &mut config.upstreams.inventory,
        Kind::Pricing => &mut config.upstreams.pricing,
        Kind::Reviews => &mut config.upstreams.reviews,
        Kind::Recommendations => &mut config.upstreams.recommendations,
    }
}

async fn nobody_at() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("a bound address")
}

impl World {
    /// Asks the API to stop.
    pub(crate) fn stop(&mut self) {
        let stop = self.stop.take().expect("stopped once");
        stop.send(()).expect("the API still runs");
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.api).await.expect("the API listens")
    }

    /// Waits until the API says that it is ready.
    pub(crate) async fn ready(&self) {
        let begun = Instant::now();
        while self.get("/readyz").await.status != 200 {
            assert!(begun.elapsed() < PATIENCE, "it is not ready");
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n")).await
    }

    /// Sends these bytes on a connection of their own.
    pub(crate) async fn send(&self, bytes: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.expect("written");
        Answer::read(&mut stream).await
    }

    /// The value of one series of `/metrics`.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").await.body;
        let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(is_value))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Waits for a series of `/metrics` to have this value.
    #[track_caller]
    pub(crate) fn reaches(&self, series: &str, value: f64) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let begun = Instant::now();
            loop {
                let found = self.metric(series).await;
                if found == Some(value) {
                    return;
                }
                let late = begun.elapsed() > PATIENCE;
                assert!(!late, "{caller}: expected {series} {value}, found {found:?}");
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

fn is_value(rest: &str) -> bool {
    rest.starts_with(' ')
}

/// One HTTP response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads until the server closes the connection.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        read.expect("an answer").expect("a connection that is closed in order");
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.parse().expect("a number"),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Checks that this is a problem document with this status, and returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        problem["detail"].as_str().expect("a detail").to_owned()
    }
}
