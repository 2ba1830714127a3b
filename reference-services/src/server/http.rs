//! An HTTP server with bounds: accept, converse, stop listening, drain.

use std::{
    convert::Infallible, error::Error as StdError, io, net::SocketAddr, pin::pin, sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::{Body as HttpBody, Incoming},
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use super::{Body, Error, answers::Answers, connection::Connection, descriptors, host};
use crate::{
    config::Invalid,
    tls::{Acceptor, Metrics, Protocol, ServerTls, Stream},
};

/// The pause after a connection could not be accepted.
pub(super) const ACCEPT_RETRY: Duration = Duration::from_millis(50);

type BoxError = Box<dyn StdError + Send + Sync>;

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one. Dropped when the client has gone.
    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// The bounds of an HTTP server, and its TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Client connections. Default 16384.
    pub connections_max: usize,
    /// Time for a client to send the head of a request, and for an idle connection to begin with
    /// one. Default 15000.
    pub header_timeout_ms: u64,
    /// Size of the head of a request. At least 8192; default 16384.
    pub header_bytes_max: usize,
    /// Number of header fields. Default 64.
    pub headers_max: usize,
    /// Time for a client to send the body of a request. Default 5000.
    pub body_timeout_ms: u64,
    /// Size of the body of a request. Default 65536.
    pub body_bytes_max: usize,
    /// Time for a client to read some of what waits for it. Default 5000.
    pub unread_timeout_ms: u64,
    /// Size of all answers together that wait to be read; what comes on top is turned away. What has
    /// at most 4 KiB, or is sent piece by piece, does not count. Default 64 MiB.
    pub unread_bytes_max: usize,
    /// What its connections are secured with. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            header_timeout_ms: 15_000,
            header_bytes_max: 16 * 1024,
            headers_max: 64,
            body_timeout_ms: 5_000,
            body_bytes_max: 64 * 1024,
            unread_timeout_ms: 5_000,
            unread_bytes_max: 64 << 20,
            tls: None,
        }
    }
}

impl Limits {
    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("http.connections_max", self.connections_max as u64),
            ("http.header_timeout_ms", self.header_timeout_ms),
            ("http.headers_max", self.headers_max as u64),
            ("http.body_timeout_ms", self.body_timeout_ms),
            ("http.body_bytes_max", self.body_bytes_max as u64),
            ("http.unread_timeout_ms", self.unread_timeout_ms),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let bytes = self.header_bytes_max;
        Invalid::unless(bytes >= 8192, "http.header_bytes_max", "at least 8192", bytes)?;
        let bytes = self.unread_bytes_max;
        Invalid::unless(bytes >= 65_536, "http.unread_bytes_max", "at least 65536", bytes)?;
        self.tls.as_ref().map_or(Ok(()), |tls| tls.validate("http.tls"))
    }
}

/// An HTTP server that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub(crate) struct Http {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    tls: Option<Acceptor>,
    /// Defect: idle connections are left open by a stop.
    leaves_open: bool,
}

impl Http {
    /// Listens, but does not accept yet.
    pub(crate) async fn bind(address: &str, limits: &Limits) -> Result<Self, Error> {
        let tls = match &limits.tls {
            Some(tls) => Some(Acceptor::new(tls, Protocol::Http1).await?),
            None => None,
        };
        let (listener, bound) = listen(address).await?;
        Ok(Self { listener, address: bound, limits: limits.clone(), tls, leaves_open: false })
    }

    /// A server that waits, when it stops, for its clients to close their idle connections.
    pub(crate) fn leaves_open(mut self, leaves_open: bool) -> Self {
        self.leaves_open = leaves_open;
        self
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What is counted of its TLS, if it has any.
    pub(crate) fn tls(&self) -> Option<&Metrics> {
        self.tls.as_ref().map(Acceptor::metrics)
    }

    /// Accepts until `stop` completes, then lets what is in flight end within `drain`.
    pub(crate) async fn serve(
        self,
        handler: Arc<impl Handler>,
        stop: impl Future<Output = ()>,
        drain: Duration,
    ) {
        let answers = Answers::new(self.limits.unread_bytes_max);
        let service = |_| {
            let (handler, answers) = (Arc::clone(&handler), answers.clone());
            service_fn(move |request| {
                let (handler, answers) = (Arc::clone(&handler), answers.clone());
                async move {
                    Ok(match host::check(&request) {
                        Ok(()) => answers.hold(handler.handle(request).await),
                        Err(problem) => problem.response(),
                    })
                }
            })
        };
        self.serve_each(service, stop, drain).await;
    }

    /// The same with a service of its own for each connection, made with the peer's address.
    pub(crate) async fn serve_each<S>(
        self,
        service: impl Fn(SocketAddr) -> S,
        stop: impl Future<Output = ()>,
        drain: Duration,
    ) where
        S: HttpService<Incoming, Error = Infallible> + Send + 'static,
        S::Future: Send,
        S::ResBody: HttpBody<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let Self { listener, address, limits, tls, leaves_open } = self;
        let server = server(&limits);
        let unread_max = Duration::from_millis(limits.unread_timeout_ms);
        let connections_max = descriptors::share(limits.connections_max, address);
        let mut stop = pin!(stop);
        let (draining, drained) = watch::channel(());
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < connections_max => {
                    match accepted {
                        Ok((stream, peer)) => {
                            let stream = Connection::new(open(&tls, stream), unread_max);
                            let service = service(peer);
                            connections.spawn(
                                converse(server.clone(), stream, service, drained.clone()),
                            );
                        }
                        Err(error) => {
                            tracing::warn!(%error, "could not accept a connection");
                            sleep(ACCEPT_RETRY).await;
                        }
                    }
                }
            }
        }
        drop(listener);
        if !leaves_open {
            draining.send_replace(());
        }
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(drain, all).await.is_err() {
            tracing::warn!(connections = connections.len(), "cut off what did not end in time");
            connections.shutdown().await;
        }
    }
}

/// A connection as it was accepted.
pub(super) fn open(tls: &Option<Acceptor>, stream: TcpStream) -> Stream {
    match tls {
        Some(tls) => tls.accept(stream),
        None => stream.into(),
    }
}

/// Listens on `address`, and says where that is.
pub(crate) async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { address: address.to_owned(), source };
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for local in lookup_host(address).await.map_err(failed)? {
        match listen_on(local) {
            Ok(listener) => {
                let bound = listener.local_addr().map_err(failed)?;
                return Ok((listener, bound));
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

/// So many connections may wait to be accepted. `TcpListener::bind` has room for 128: of those that
/// come at once beyond that, each waits for a timeout of 200 ms or more.
const BACKLOG: u32 = 4096;

fn listen_on(local: SocketAddr) -> io::Result<TcpListener> {
    let socket = if local.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(local)?;
    socket.listen(BACKLOG)
}

fn server(limits: &Limits) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.header_timeout_ms))
        .max_buf_size(limits.header_bytes_max)
        .max_headers(limits.headers_max);
    server
}

/// One connection, request after request, until either side has had enough. hyper drops the
/// future of a request whose client has gone, and all that was done for it with it.
async fn converse<S>(
    server: http1::Builder,
    stream: Connection,
    service: S,
    mut drained: watch::Receiver<()>,
) where
    S: HttpService<Incoming, Error = Infallible>,
    S::ResBody: HttpBody<Error: Into<BoxError>> + 'static,
{
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        _ = drained.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
