//! Pods, a load balancer and what they depend on in one process, and endpoints that misbehave.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reference_services::{balancer, cache, catalog, dependency::Latency, server::Error};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::world::Answer;

/// Far above what anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A key that pods share.
pub(crate) const KEY: &str = "a key of thirty-two bytes or more";

/// A service that serves until it is told to stop.
pub(crate) struct Running {
    pub(crate) at: SocketAddr,
    pub(crate) serving: JoinHandle<Result<(), Error>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    /// Asks the service to stop.
    pub(crate) fn stop(&mut self) {
        let stop = self.stop.take().expect("stopped once");
        stop.send(()).expect("the service still runs");
    }

    /// Waits for it to have stopped.
    pub(crate) async fn stopped(&mut self) {
        let served = timeout(PATIENCE, &mut self.serving).await.expect("it stops");
        served.expect("no panic").expect("no error");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.at, path).await
    }

    /// Waits until a path is answered with this status.
    #[track_caller]
    pub(crate) fn answers(&self, path: &str, status: u16) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let begun = Instant::now();
            while get(self.at, path).await.status != status {
                assert!(begun.elapsed() < PATIENCE, "{caller}: expected {path} to answer {status}");
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// A signal to stop; one that is dropped stops too.
fn stop() -> (oneshot::Sender<()>, impl Future<Output = Result<(), Error>>) {
    let (stop, stopped) = oneshot::channel();
    (stop, async move {
        let _ = stopped.await;
        Ok(())
    })
}

pub(crate) async fn source(tune: impl FnOnce(&mut catalog::Config)) -> Running {
    let mut config = catalog::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.latency = Latency::Constant { ms: 0.0 };
    config.items = 50;
    tune(&mut config);
    let bound = catalog::bind(config).await.expect("a free port");
    let (at, (stop, stopped)) = (bound.local_addr(), stop());
    Running { at, serving: tokio::spawn(bound.serve_until(stopped)), stop: Some(stop) }
}

/// A pod of 50 items, which may not be warm yet.
pub(crate) async fn pod(source: SocketAddr, tune: impl FnOnce(&mut cache::Config)) -> Running {
    let mut config = cache::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.items = 50;
    config.source = format!("http://{source}");
    config.session.key = Some(KEY.to_owned().into());
    config.warm_up.page_size = 10;
    config.warm_up.concurrency = 2;
    config.warm_up.backoff_ms = 10;
    config.export_pause_ms = 1;
    config.prestop_delay_ms = 100;
    tune(&mut config);
    let bound = cache::bind(config).await.expect("a free port");
    let (at, (stop, stopped)) = (bound.local_addr(), stop());
    Running { at, serving: tokio::spawn(bound.serve_until(stopped)), stop: Some(stop) }
}

/// A load balancer and where its admin port is.
pub(crate) async fn balancer(
    groups: Value,
    tune: impl FnOnce(&mut balancer::Config),
) -> (Running, SocketAddr) {
    let mut config = balancer::Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.admin = "127.0.0.1:0".to_owned();
    config.endpoints = serde_json::from_value(json!({ "groups": groups })).expect("endpoints");
    tune(&mut config);
    let bound = balancer::bind(config).await.expect("a free port");
    let (at, admin, (stop, stopped)) = (bound.local_addr(), bound.admin_addr(), stop());
    (Running { at, serving: tokio::spawn(bound.serve_until(stopped)), stop: Some(stop) }, admin)
}

/// One group with all these.
pub(crate) fn group(endpoints: &[SocketAddr]) -> Value {
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    json!([{ "name": "stable", "weight": 1, "endpoints": endpoints }])
}

pub(crate) async fn get(at: SocketAddr, path: &str) -> Answer {
    send(at, &format!("GET {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n")).await
}

/// Sends these bytes on a connection of their own.
pub(crate) async fn send(at: SocketAddr, bytes: &str) -> Answer {
    let mut stream = connect(at).await;
    stream.write_all(bytes.as_bytes()).await.expect("written");
    Answer::read(&mut stream).await
}

pub(crate) async fn put(at: SocketAddr, path: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("PUT {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n");
    send(at, &format!("{head}content-length: {length}\r\n\r\n{body}")).await
}

pub(crate) async fn connect(at: SocketAddr) -> TcpStream {
    TcpStream::connect(at).await.expect("somebody listens")
}

/// The value of one series of `/metrics`.
pub(crate) async fn metric(at: SocketAddr, series: &str) -> Option<f64> {
    let text = get(at, "/metrics").await.body;
    let line = text
        .lines()
        .find(|line| line.strip_prefix(series).is_some_and(|it| it.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// What an endpoint does with a request.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers with these bytes, and goes on reading.
    Answers(String),
    /// Answers with the head of the request as the body.
    Echoes,
    /// Answers, and closes the connection without having said so.
    Closes,
    /// Closes the connection without an answer.
    BreaksOff,
    /// Says nothing.
    Hangs,
}

/// An answer with a status and an empty body.
pub(crate) fn status(status: u16) -> Does {
    Does::Answers(format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n"))
}

/// An endpoint that does the same with every request.
pub(crate) struct Endpoint {
    pub(crate) at: SocketAddr,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Connections that are open.
    pub(crate) open: Arc<AtomicUsize>,
}

impl Endpoint {
    pub(crate) async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = listener.local_addr().expect("a bound address");
        let endpoint = Self {
            at,
            requests: Arc::default(),
            connections: Arc::default(),
            open: Arc::default(),
        };
        let (requests, connections) =
            (Arc::clone(&endpoint.requests), Arc::clone(&endpoint.connections));
        let open = Arc::clone(&endpoint.open);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                open.fetch_add(1, Ordering::Relaxed);
                let (does, requests, open) =
                    (does.clone(), Arc::clone(&requests), Arc::clone(&open));
                tokio::spawn(async move {
                    serve(stream, does, &requests).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        endpoint
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, does: Does, requests: &AtomicUsize) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let answer = match &does {
            Does::Answers(answer) => answer.clone(),
            Does::Closes => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
            Does::Echoes => {
                let head = String::from_utf8(head).expect("text");
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())
            }
            Does::BreaksOff => return,
            Does::Hangs => std::future::pending().await,
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || matches!(does, Does::Closes) {
            return;
        }
    }
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("a bound address")
}
