//! A server: the API, and the proxies that it drives.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    address::Listen,
    api::{self, Api},
    collection::Collection,
    draw::Seed,
    json::first_value,
    metrics::{Metrics, Shown},
    proxy::Shared,
    route::Log,
};

/// How a server is started.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where the API listens, `host:port`; port 0 is any that is free.
    pub listen: String,
    /// From which it is drawn which connections a toxicity meets, jitter and slices. Without one it
    /// is different each time.
    pub seed: Option<u64>,
    /// May API and proxies listen at addresses that other machines reach? Who reaches the API can
    /// let it listen and connect anywhere.
    pub allow_remote: bool,
    /// What `/metrics` shows.
    pub metrics: Shown,
    /// Takes one sentence about what no client of the API is told: services that cannot be
    /// connected to.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Default for Options {
    /// Any free port of 127.0.0.1, and the bytes of proxies as metrics.
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            seed: None,
            allow_remote: false,
            metrics: Shown { proxies: true, ..Shown::default() },
            log: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("seed", &self.seed)
            .field("allow_remote", &self.allow_remote)
            .field("metrics", &self.metrics)
            .finish_non_exhaustive()
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address of the API is none.
    #[error("{0}")]
    Address(String),
    /// The address of the API is not loopback, and that is not allowed.
    #[error("{0} is not loopback: who reaches the API can make it listen and connect anywhere")]
    NotLoopback(String),
    /// The API cannot listen.
    #[error("cannot listen on {0}")]
    Listen(String),
    /// The system does not tell where the API listens.
    #[error("cannot tell where the API listens: {0}")]
    Unknown(#[source] io::Error),
}

/// A running server. When it is dropped it stops as well, but nobody waits for it.
#[derive(Debug)]
#[must_use = "a server that is dropped stops"]
pub struct Server {
    address: SocketAddr,
    api: Arc<Api>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Starts a server on the current runtime.
    ///
    /// # Errors
    ///
    /// If the API cannot or must not listen where it is told to.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options { listen, seed, allow_remote, metrics: shown, log } = options;
        let at = Listen::resolve(&listen).await.map_err(StartError::Address)?;
        if !allow_remote && !at.is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let listener: TcpListener = at.bind().await.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Unknown)?;
        let metrics = Arc::new(Metrics::default());
        let shared = Shared {
            seed: Seed::new(seed),
            allow_remote,
            metrics: Arc::clone(&metrics),
            log: Log(log),
        };
        let collection = Collection::new(shared);
        let api = Arc::new(Api { collection, metrics, shown, requests: AtomicU64::new(0) });
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(api::serve(Arc::clone(&api), listener, stopped));
        Ok(Self { address, api, stop, serving })
    }

    /// Where the API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds the proxies of a configuration file, the JSON that `/populate` takes. How many there
    /// are.
    ///
    /// # Errors
    ///
    /// What `/populate` would answer.
    pub async fn populate(&self, json: &[u8]) -> Result<usize, String> {
        let value = first_value(json)?;
        let (added, done) = self.api.collection.populate(&value).await;
        done.map(|()| added.len()).map_err(|error| error.to_string())
    }

    /// Stops in order: no more requests, those under way are answered, then each proxy closes its
    /// listener and after it its connections.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        drop(self.serving.await);
        self.api.collection.close().await;
    }
}
