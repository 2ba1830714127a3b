//! A proxy: where it listens, where it leads, and whether it is on.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::{
    address::Listen,
    connection,
    draw::Seed,
    error::ApiError,
    json,
    metrics::Metrics,
    route::{Log, Route},
    toxics::Toxics,
};

/// How long to wait when no connection can be accepted, which is when descriptors have run out.
const PAUSE: Duration = Duration::from_millis(50);

/// What all proxies of a server share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) seed: Seed,
    pub(crate) allow_remote: bool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Log,
}

/// Accepts clients until it is told to stop; then the listener is closed first, and all
/// connections after it.
async fn accept(route: Arc<Route>, listener: TcpListener, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let number = route.accepted.fetch_add(1, Ordering::Relaxed);
                    route.taken.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(connection::serve(Arc::clone(&route), client, number));
                }
                Err(error) => {
                    route.tell(&format!("cannot accept a connection: {error}"));
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    listen: String,
    upstream: String,
    running: Option<Running>,
}

/// A proxy, on or off. Its collection sees to it that one change is made at a time.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) name: Arc<str>,
    pub(crate) toxics: Arc<Toxics>,
    state: Mutex<State>,
    accepted: Arc<AtomicU64>,
    shared: Shared,
}

impl Proxy {
    pub(crate) fn new(name: &str, listen: String, upstream: String, shared: Shared) -> Self {
        Self {
            name: name.into(),
            toxics: Arc::new(Toxics::new()),
            state: Mutex::new(State { listen, upstream, running: None }),
            accepted: Arc::default(),
            shared,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listen(&self) -> String {
        self.state().listen.clone()
    }

    pub(crate) fn upstream(&self) -> String {
        self.state().upstream.clone()
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.state().running.is_some()
    }

    /// Begins to listen, if it does not already.
    pub(crate) async fn start(&self) -> Result<(), ApiError> {
        if self.is_enabled() {
            return Ok(());
        }
        let wanted = self.listen();
        let failed = |why: &str, gap| ApiError::server(format!("listen tcp{gap}{why}"));
        let address = Listen::resolve(&wanted).await.map_err(|why| failed(&why, ": "))?;
        if !self.shared.allow_remote && !address.is_loopback() {
            return Err(ApiError::not_loopback(&wanted));
        }
        let listener = address.bind().await.map_err(|why| failed(&why, " "))?;
        let local = listener.local_addr().map_err(ApiError::server)?;
        let mut state = self.state();
        state.listen = local.to_string();
        let route = Arc::new(Route {
            proxy: Arc::clone(&self.name),
            listen: state.listen.clone(),
            upstream: state.upstream.clone(),
            seed: self.shared.seed,
            toxics: Arc::clone(&self.toxics),
            metrics: Arc::clone(&self.shared.metrics),
            accepted: Arc::clone(&self.accepted),
            taken: self.shared.metrics.connections(&self.name),
            log: self.shared.log.clone(),
        });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(route, listener, stopped));
        state.running = Some(Running { stop, accepting });
        Ok(())
    }

    /// Closes the listener and all connections. When this returns, the port is free.
    pub(crate) async fn stop(&self) {
        let running = self.state().running.take();
        if let Some(Running { stop, accepting }) = running {
            // Both fail only if the task is over already.
            let _ended = stop.send(());
            drop(accepting.await);
        }
    }

    /// Would it have to begin again to listen at `listen` and lead to `upstream`?
    pub(crate) async fn differs(&self, listen: &str, upstream: &str) -> Result<bool, ApiError> {
        let address = Listen::resolve(listen).await.map_err(ApiError::server)?;
        Ok(self.listen() != address.text() || self.upstream() != upstream)
    }

    /// Moves it, and switches it on or off. If it cannot listen at its new address it is off.
    pub(crate) async fn update(
        &self,
        listen: String,
        upstream: String,
        enabled: bool,
    ) -> Result<(), ApiError> {
        if self.differs(&listen, &upstream).await? {
            self.stop().await;
            let mut state = self.state();
            state.listen = listen;
            state.upstream = upstream;
        }
        if enabled {
            self.start().await
        } else {
            self.stop().await;
            Ok(())
        }
    }

    /// As it stands in answers; the real server shows the inside of its logger as well.
    pub(crate) fn json(&self) -> String {
        let state = self.state();
        format!(
            "{{\"name\":{},\"listen\":{},\"upstream\":{},\"enabled\":{},\"Logger\":{{}},\
             \"toxics\":{}}}",
            json::text(&self.name),
            json::text(&state.listen),
            json::text(&state.upstream),
            state.running.is_some(),
            self.toxics.json(),
        )
    }
}
