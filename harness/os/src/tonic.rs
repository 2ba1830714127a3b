//! `tonic` over this crate's sockets.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::net::{TcpListener, TcpStream};

impl Connected for TcpStream {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        TcpConnectInfo { local_addr: self.local_addr().ok(), remote_addr: self.peer_addr().ok() }
    }
}

/// A stream of accepted connections, for `tonic`'s `serve_with_incoming`.
///
/// Nagle's algorithm is switched off on each. A failed `accept` is retried after a pause, since
/// one bad connection must not end the server.
pub fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> + Send {
    Incoming { listener, retry: None }
}

const ACCEPT_RETRY: Duration = Duration::from_millis(50);

struct Incoming {
    listener: TcpListener,
    retry: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Stream for Incoming {
    type Item = io::Result<TcpStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(retry) = &mut self.retry {
                std::task::ready!(retry.as_mut().poll(cx));
                self.retry = None;
            }
            match std::task::ready!(self.listener.poll_accept(cx)) {
                Ok((stream, _)) => {
                    // A socket that the peer has already closed refuses the option; the
                    // server finds that out when it reads.
                    let _ = stream.set_nodelay(true);
                    return Poll::Ready(Some(Ok(stream)));
                }
                Err(_) => self.retry = Some(Box::pin(tokio::time::sleep(ACCEPT_RETRY))),
            }
        }
    }
}

/// The connector of a `tonic` channel: `Endpoint::connect_with_connector_lazy(connector())`.
#[must_use]
pub fn connector() -> Connector {
    Connector(())
}

/// Connects to the host and port of a URI. Made by [`connector`].
#[derive(Clone, Debug)]
pub struct Connector(());

impl tower_service::Service<http::Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        Box::pin(async move {
            let host = uri.host().ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, format!("no host in the URI {uri}"))
            })?;
            let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
                Some("https") => 443,
                _ => 80,
            });
            let stream = TcpStream::connect(format!("{host}:{port}")).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}
