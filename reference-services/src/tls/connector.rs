//! The side of a client.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::{
    config::ClientTls,
    error::TlsError,
    files,
    metrics::Metrics,
    protocol::Protocol,
    reload::{Reloaded, reloading},
    stream::Stream,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Whom a service believes when it is a client, and who it says that it is.
#[derive(Clone)]
pub(crate) struct Trust {
    config: Reloaded<ClientConfig>,
    server_name: Option<Arc<str>>,
    metrics: Metrics,
}

impl std::fmt::Debug for Trust {
    /// Without the key that is in the configuration.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl Trust {
    /// Reads the files, and looks at them from then on. `unverified`: a defect.
    pub(crate) async fn new(tls: &ClientTls, unverified: bool) -> Result<Self, TlsError> {
        let (metrics, every) = (Metrics::default(), Duration::from_millis(tls.reload_ms));
        let make = move |files: &[_]| files::client(unverified, files);
        let paths = files::of_client(tls);
        let config = reloading("client", paths, every, metrics.clone(), make).await?;
        Ok(Self { config, server_name: tls.server_name.as_deref().map(Arc::from), metrics })
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Makes connections with this protocol inside, each within `connect` for TCP and as long again
    /// for the handshake.
    pub(crate) fn connector(&self, protocol: Protocol, connect: Duration) -> Connector {
        Connector { tls: Some((self.clone(), protocol)), ..Connector::plain(connect) }
    }

    async fn secure(
        self,
        protocol: Protocol,
        host: String,
        stream: TcpStream,
    ) -> io::Result<Stream> {
        let mut config = ClientConfig::clone(&self.config.now());
        config.alpn_protocols = protocol.names();
        let name = self.server_name.as_deref().unwrap_or(&host);
        // An address of IPv6 is in brackets in a URI.
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let secured = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        secured.map(Stream::tls).inspect_err(|_| {
            self.metrics.handshake_failures.inc();
        })
    }
}

/// Makes connections: with TLS where the address says so, which it says only where there is
/// [`Trust`].
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    http: HttpConnector,
    tls: Option<(Trust, Protocol)>,
    handshake_max: Duration,
}

impl Connector {
    /// One for addresses without TLS.
    pub(crate) fn plain(connect: Duration) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(connect));
        Self { http, tls: None, handshake_max: connect }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let secured = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let host = uri.host().unwrap_or_default().to_owned();
        let (tls, within) = (self.tls.clone(), self.handshake_max);
        if secured && tls.is_none() {
            return Box::pin(async { Err("expected a configuration of TLS, found none".into()) });
        }
        let connecting = self.http.call(uri);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            let Some((trust, protocol)) = tls.filter(|_| secured) else {
                return Ok(TokioIo::new(Stream::from(stream)));
            };
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no handshake in time");
            let secured = timeout(within, trust.secure(protocol, host, stream)).await;
            Ok(TokioIo::new(secured.map_err(late)??))
        })
    }
}
