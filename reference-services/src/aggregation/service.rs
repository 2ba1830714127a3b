//! The life of the service: bind, serve, stop listening, drain, end.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use squall_os::net::{TcpListener, TcpStream};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use super::{Config, Error, http::Api};
use crate::config::Config as _;

const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid or the address cannot be listened on.
pub async fn run(config: Config) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens, but does not accept yet.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: Config) -> Result<Bound, Error> {
    config.validate()?;
    let api = Arc::new(Api::new(config.clone())?);
    let listen = |source| Error::Listen { address: config.listen.clone(), source };
    let listener = TcpListener::bind(&*config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    Ok(Bound { listener, address, api, config })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    api: Arc<Api>,
    config: Config,
}

impl Bound {
    /// The address that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process is asked to terminate.
    ///
    /// # Errors
    ///
    /// When the signal cannot be waited for.
    pub async fn serve(self) -> Result<(), Error> {
        self.serve_until(async { squall_os::signal::terminate().await.map_err(Error::Signal) })
            .await
    }

    /// Serves until `stop` completes, then drains.
    ///
    /// # Errors
    ///
    /// As `stop`, after the drain.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { listener, address, api, config } = self;
        tracing::info!(%address, "listening");
        let mut stop = pin!(async {
            let asked = stop.await;
            api.drain();
            sleep(Duration::from_millis(config.stop_delay_ms)).await;
            asked
        });
        let server = server(&config);
        let (draining, drained) = watch::channel(());
        let mut connections = JoinSet::new();
        let stopped = loop {
            tokio::select! {
                biased;
                stopped = &mut stop => break stopped,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < config.connections_max => {
                    match accepted {
                        Ok((stream, _)) => {
                            let api = Arc::clone(&api);
                            connections.spawn(converse(server.clone(), stream, api, drained.clone()));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "could not accept a connection");
                            sleep(ACCEPT_RETRY).await;
                        }
                    }
                }
            }
        };
        drop(listener);
        tracing::info!(connections = connections.len(), "draining");
        draining.send_replace(());
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_millis(config.drain_ms), all).await.is_err() {
            tracing::warn!(connections = connections.len(), "cut off what did not end in time");
            connections.shutdown().await;
        }
        tracing::info!("stopped");
        stopped
    }
}

fn server(config: &Config) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.header_timeout_ms))
        .max_buf_size(config.header_bytes_max)
        .max_headers(config.headers_max);
    server
}

/// One connection, request after request, until either side has had enough. hyper drops the
/// future of a request whose client has gone, and all that was done for it with it.
async fn converse(
    server: http1::Builder,
    stream: TcpStream,
    api: Arc<Api>,
    mut drained: watch::Receiver<()>,
) {
    // A socket that the peer has already closed refuses the option; reading finds that out.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let api = Arc::clone(&api);
        async move { Ok::<_, Infallible>(api.handle(request).await) }
    });
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
