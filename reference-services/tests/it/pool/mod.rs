//! The worker pool in one process: a broker, a worker host, the external API and the result store.

mod delivery;
mod hostile;
mod jobs;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use reference_services::{
    dependency::Latency,
    external_api,
    pb::{queue::queue_client::QueueClient, results::results_client::ResultsClient},
    queue_broker, result_store, server, worker,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::{
    io::AsyncWriteExt,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tonic::transport::{Channel, Endpoint};

use crate::world::Answer;

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service that runs until it is told to stop.
pub(crate) struct Running {
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), server::Error>>,
}

macro_rules! running {
    ($bound:expr) => {{
        let bound = $bound;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(bound.serve_until(async move {
            // One that is dropped stops too.
            let _ = stopped.await;
            Ok(())
        }));
        Running { stop: Some(stop), serving }
    }};
}

impl Running {
    /// Asks the service to stop, and waits for its end.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        let ended = tokio::time::timeout(PATIENCE, &mut self.serving).await.expect("it stops");
        ended.expect("no panic").expect("no error");
    }

    /// Ends it without asking, as a crash does.
    pub(crate) async fn kill(self) {
        self.serving.abort();
        assert!(self.serving.await.is_err(), "it had ended by itself");
    }
}

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-pool-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A broker and what it is reached by.
pub(crate) struct Broker {
    pub(crate) running: Running,
    pub(crate) jobs: SocketAddr,
    pub(crate) workers: SocketAddr,
}

impl Broker {
    pub(crate) async fn start(
        folder: &Folder,
        tune: impl FnOnce(&mut queue_broker::Config),
    ) -> Self {
        let mut config = queue_broker::Config::default();
        config.listen = "127.0.0.1:0".to_owned();
        config.listen_workers = "127.0.0.1:0".to_owned();
        config.journal = folder.path().join("jobs.journal");
        tune(&mut config);
        let bound = queue_broker::bind(config).await.expect("free ports and a good journal");
        let (jobs, workers) = (bound.local_addr(), bound.workers_addr());
        Self { running: running!(bound), jobs, workers }
    }

    pub(crate) async fn post(&self, id: &str, payload: &Value) -> Answer {
        let body = json!({ "id": id, "payload": payload }).to_string();
        send(self.jobs, "POST", "/jobs", &body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.jobs, "GET", path, "").await
    }

    pub(crate) fn client(&self) -> QueueClient<Channel> {
        QueueClient::new(channel(self.workers))
    }

    /// Waits for a number of `/stats` to have this value.
    pub(crate) async fn reaches(&self, name: &str, value: u64) {
        let begun = Instant::now();
        loop {
            let stats = self.get("/stats").await.json();
            if stats[name] == value {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "expected {name} {value}, found {stats}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) async fn start_store(folder: &Folder) -> (Running, SocketAddr) {
    let mut config = result_store::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.listen_probes = "127.0.0.1:0".to_owned();
    config.journal = folder.path().join("results.journal");
    let bound = result_store::bind(config).await.expect("free ports and a good journal");
    let address = bound.local_addr();
    (running!(bound), address)
}

pub(crate) fn results(address: SocketAddr) -> ResultsClient<Channel> {
    ResultsClient::new(channel(address))
}

pub(crate) async fn start_api(
    tune: impl FnOnce(&mut external_api::Config),
) -> (Running, SocketAddr) {
    let mut config = external_api::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.latency = Latency::Constant { ms: 1.0 };
    tune(&mut config);
    let bound = external_api::bind(config).await.expect("a free port");
    let address = bound.local_addr();
    (running!(bound), address)
}

/// A worker host and the others that it needs.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) store: SocketAddr,
    pub(crate) api: SocketAddr,
    pub(crate) worker: Running,
    pub(crate) probes: SocketAddr,
    pub(crate) folder: Folder,
    _others: [Running; 2],
}

impl World {
    pub(crate) async fn start(
        tune: impl FnOnce(&mut worker::Config),
        tune_api: impl FnOnce(&mut external_api::Config),
    ) -> Self {
        let folder = Folder::new();
        let broker = Broker::start(&folder, |_| ()).await;
        let (running_store, store) = start_store(&folder).await;
        let (running_api, api) = start_api(tune_api).await;
        let (worker, probes) = start_worker(broker.workers, api, store, tune).await;
        Self { broker, store, api, worker, probes, folder, _others: [running_store, running_api] }
    }
}

pub(crate) async fn start_worker(
    queue: SocketAddr,
    api: SocketAddr,
    store: SocketAddr,
    tune: impl FnOnce(&mut worker::Config),
) -> (Running, SocketAddr) {
    let mut config = worker::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.queue = format!("http://{queue}");
    config.external_api = format!("http://{api}");
    config.result_store = format!("http://{store}");
    config.wait_ms = 200;
    config.backoff.base_ms = 5;
    config.backoff.cap_ms = 20;
    tune(&mut config);
    let bound = worker::bind(config).await.expect("a free port");
    let probes = bound.local_addr();
    (running!(bound), probes)
}

pub(crate) fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
    endpoint.connect_lazy()
}

/// Sends a request on a connection of its own.
pub(crate) async fn send(to: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: pool\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    send_bytes(to, request.as_bytes()).await
}

/// Sends these bytes on a connection of their own.
pub(crate) async fn send_bytes(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).await.expect("it listens");
    stream.write_all(bytes).await.expect("written");
    Answer::read(&mut stream).await
}

/// The value of one series of `/metrics`.
pub(crate) async fn metric(of: SocketAddr, series: &str) -> Option<f64> {
    let text = send(of, "GET", "/metrics", "").await.body;
    let line = text.lines().find(|line| line.starts_with(&format!("{series} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}
