//! The side of a listener.

use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{
    config::ServerTls,
    error::TlsError,
    files,
    metrics::Metrics,
    protocol::Protocol,
    reload::{Reloaded, reloading},
    stream::Stream,
};

/// Makes the connections of a listener speak TLS.
#[derive(Clone)]
pub(crate) struct Acceptor {
    config: Reloaded<ServerConfig>,
    handshake_max: Duration,
    metrics: Metrics,
}

impl std::fmt::Debug for Acceptor {
    /// Without the key that is in the configuration.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Reads the files, and looks at them from then on.
    pub(crate) async fn new(tls: &ServerTls, protocol: Protocol) -> Result<Self, TlsError> {
        let side = match protocol {
            Protocol::Http1 => "http",
            Protocol::Http2 => "grpc",
        };
        let (metrics, every) = (Metrics::default(), Duration::from_millis(tls.reload_ms));
        let make = move |files: &[_]| files::server(protocol, files);
        let paths = files::of_server(tls);
        let config = reloading(side, paths, every, metrics.clone(), make).await?;
        let handshake_max = Duration::from_millis(tls.handshake_timeout_ms);
        Ok(Self { config, handshake_max, metrics })
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A connection that begins with a handshake, which whoever reads or writes first performs.
    pub(crate) fn accept(&self, stream: TcpStream) -> Stream {
        let accept = TlsAcceptor::from(self.config.now()).accept(stream);
        Stream::handshake(accept, self.handshake_max, self.metrics.handshake_failures.clone())
    }
}
