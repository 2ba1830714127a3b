//! What the gRPC services share: a tuned server with bounds, and its graceful stop.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
    time::sleep,
};
use tonic::transport::{Error as ServeError, Server, server::Router};
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::HealthReporter,
};

use super::{
    Error,
    connection::Connection,
    descriptors,
    http::{ACCEPT_RETRY, listen, open},
    reflection,
};
use crate::{
    config::Invalid,
    tls::{Acceptor, Metrics, Protocol, ServerTls},
};

/// What each connection begins with (RFC 9113, 3.4), in bytes.
const PREFACE: usize = 24;

/// What a trailer says of retries: milliseconds after which to come again, or a negative number
/// for not to (gRFC A6).
pub(crate) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Room for every call that the API's bulkhead lets through. Calls that ran into their deadline
/// are resets; while this process is paused they pile up, and h2 would take that for an attack.
fn server() -> Server {
    Server::builder()
        .max_concurrent_streams(1024)
        .initial_connection_window_size(1024 * 1024)
        .http2_max_pending_accept_reset_streams(Some(4096))
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
}

/// The bounds of a gRPC server, and its TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Client connections; further ones wait to be accepted. Default 1024.
    pub connections_max: usize,
    /// Time for a client to begin to speak HTTP/2. Default 5000.
    pub preface_timeout_ms: u64,
    /// Time for a client to read some of what waits for it. Default 5000.
    pub unread_timeout_ms: u64,
    /// Says what can be asked, and how, to whoever asks that (gRPC Server Reflection). What it says is
    /// in the protos. Default true.
    pub reflection: bool,
    /// What its connections are secured with. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            preface_timeout_ms: 5_000,
            unread_timeout_ms: 5_000,
            reflection: true,
            tls: None,
        }
    }
}

impl Limits {
    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("grpc.connections_max", self.connections_max as u64),
            ("grpc.preface_timeout_ms", self.preface_timeout_ms),
            ("grpc.unread_timeout_ms", self.unread_timeout_ms),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        self.tls.as_ref().map_or(Ok(()), |tls| tls.validate("grpc.tls"))
    }
}

/// A gRPC server that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub(crate) struct Grpc {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    tls: Option<Acceptor>,
}

impl Grpc {
    /// Listens, but does not accept yet.
    pub(crate) async fn bind(address: &str, limits: &Limits) -> Result<Self, Error> {
        let tls = match &limits.tls {
            Some(tls) => Some(Acceptor::new(tls, Protocol::Http2).await?),
            None => None,
        };
        let (listener, address) = listen(address).await?;
        Ok(Self { listener, address, limits: limits.clone(), tls })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What such a server answers besides the service with this name: how that is, and what it can be
    /// asked.
    pub(crate) fn router(&self, health: HealthServer<impl Health>, name: &str) -> Router {
        let reflection = self.limits.reflection.then(|| reflection::service(name)).flatten();
        server().add_service(health).add_optional_service(reflection)
    }

    /// What is counted of its TLS, if it has any.
    pub(crate) fn tls(&self) -> Option<&Metrics> {
        self.tls.as_ref().map(Acceptor::metrics)
    }

    /// The connections of clients, as many as there may be.
    fn incoming(self) -> impl Stream<Item = io::Result<Connection>> {
        let Self { listener, address, limits, tls } = self;
        let most = descriptors::share(limits.connections_max, address);
        let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let preface = Duration::from_millis(limits.preface_timeout_ms);
        let unread = Duration::from_millis(limits.unread_timeout_ms);
        stream::unfold(listener, move |listener| {
            let (places, tls) = (Arc::clone(&places), tls.clone());
            async move {
                // Nobody closes the semaphore.
                let place = places.acquire_owned().await.ok()?;
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => {
                            let connection = Connection::new(open(&tls, stream), unread);
                            let connection = connection.begins_with(PREFACE, preface);
                            return Some((Ok(connection.in_place(place)), listener));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "could not accept a connection");
                            sleep(ACCEPT_RETRY).await;
                        }
                    }
                }
            }
        })
    }
}

/// How a server came to its end.
#[derive(Debug)]
pub(crate) struct Stopped<T> {
    /// What `stop` completed with; nothing if the server ended by itself.
    pub(crate) asked: Option<T>,
    /// Did all that was in flight end in time?
    pub(crate) in_time: bool,
}

/// Serves until `stop` completes. Then it calls `draining`, is no longer healthy, takes no more
/// calls, and lets those in flight end within `drain`.
///
/// # Errors
///
/// When the server fails.
pub(crate) async fn serve_until<T>(
    router: Router,
    grpc: Grpc,
    (reporter, service): (HealthReporter, &'static str),
    stop: impl Future<Output = T>,
    draining: impl FnOnce(),
    drain: Duration,
) -> Result<Stopped<T>, ServeError> {
    reporter.set_service_status(service, ServingStatus::Serving).await;
    let stopping = Notify::new();
    let mut asked = None;
    let server = router.serve_with_incoming_shutdown(grpc.incoming(), async {
        asked = Some(stop.await);
        for name in ["", service] {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
        draining();
        stopping.notify_one();
    });
    let bound = async {
        stopping.notified().await;
        sleep(drain).await;
    };
    let in_time = tokio::select! {
        biased;
        served = server => served.map(|()| true)?,
        () = bound => false,
    };
    Ok(Stopped { asked, in_time })
}
