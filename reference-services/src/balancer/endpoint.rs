//! One endpoint: its connections, what is in flight to it, and how it has fared.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::{task::AbortHandle, time::timeout};

use super::{body::RequestBody, metrics::GroupMetrics};
use crate::endpoints::Outlier;

/// A connection to an endpoint, which is closed when this is dropped: whoever waits no longer for an
/// answer leaves nothing that goes on sending the request, and keeps its client.
#[derive(Debug)]
pub(super) struct Sender {
    requests: SendRequest<RequestBody>,
    _driver: AbortOnDrop,
}

/// Ends a task.
#[derive(Debug)]
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sender {
    /// Sends a request, and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        self.requests.try_send_request(request).await
    }
}

/// An endpoint of a group.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) address: String,
    pub(super) metrics: Arc<GroupMetrics>,
    pub(super) outlier: Mutex<Outlier>,
    in_flight: AtomicUsize,
    /// No longer named by the orchestrator.
    removed: AtomicBool,
    idle: Mutex<Vec<Sender>>,
    idle_max: usize,
}

impl Endpoint {
    pub(super) fn new(address: String, metrics: Arc<GroupMetrics>, idle_max: usize) -> Self {
        Self {
            address,
            metrics,
            outlier: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            removed: AtomicBool::new(false),
            idle: Mutex::default(),
            idle_max,
        }
    }

    /// Requests in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Closes idle connections now, and the others when they become idle.
    pub(super) fn remove(&self) {
        self.removed.store(true, Ordering::Relaxed);
        self.idle.lock().expect("nothing panics while it holds the lock").clear();
    }

    /// A connection that is open and idle, if there is one.
    pub(super) fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().expect("nothing panics while it holds the lock");
        // The last one that was put back is the least likely to have been closed.
        std::iter::from_fn(|| idle.pop()).find(|sender| sender.requests.is_ready())
    }

    /// Keeps a connection for the next request.
    pub(super) fn put_back(&self, sender: Sender) {
        if sender.requests.is_closed() || self.removed.load(Ordering::Relaxed) {
            return;
        }
        let mut idle = self.idle.lock().expect("nothing panics while it holds the lock");
        if idle.len() < self.idle_max {
            idle.push(sender);
        }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self, within: Duration) -> io::Result<Sender> {
        let connected = async {
            let stream = TcpStream::connect(&*self.address).await?;
            // A socket that the peer has already closed refuses the option; writing finds that out.
            let _ = stream.set_nodelay(true);
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)
        };
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
        let (requests, connection) = timeout(within, connected).await.map_err(|_| late())??;
        self.metrics.connections.inc();
        let driver = tokio::spawn(async move {
            // Its errors reach whoever waits for an answer on it.
            let _ = connection.await;
        });
        Ok(Sender { requests, _driver: AbortOnDrop(driver.abort_handle()) })
    }
}

/// A request in flight to an endpoint.
#[derive(Debug)]
#[must_use = "the request is no longer in flight when this is dropped"]
pub(super) struct InFlight(pub(super) Arc<Endpoint>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
