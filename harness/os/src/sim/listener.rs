//! The simulated listener.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    task::{Context, Poll},
};

use turmoil_net::shim::tokio::net as shim;

use super::Stream;

/// A simulated listener, perhaps behind a sidecar of the harness.
#[derive(Debug)]
pub struct Listener {
    inner: shim::TcpListener,
    /// What the service asked for, when a sidecar holds that address.
    shown: Option<SocketAddr>,
}

impl Listener {
    /// Binds to `addr`, or to the loopback port behind the sidecar that already did.
    pub(crate) async fn bind(addr: impl shim::ToSocketAddrs) -> io::Result<Self> {
        let addr = addr.to_socket_addr()?;
        match super::with(|host| host.behind_sidecar(addr.port())).flatten() {
            Some(port) => Ok(Self {
                inner: shim::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?,
                shown: Some(addr),
            }),
            None => Self::bind_directly(addr).await,
        }
    }

    /// Binds to `addr` itself: the sidecar's own way.
    ///
    /// # Errors
    ///
    /// When the address is taken or not of this host.
    pub async fn bind_directly(addr: SocketAddr) -> io::Result<Self> {
        let inner = shim::TcpListener::bind(addr).await?;
        Ok(Self { inner, shown: None })
    }

    /// Polls for the next established connection.
    ///
    /// # Errors
    ///
    /// When the listener is gone.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        self.inner.poll_accept(cx).map_ok(|(stream, peer)| (Stream::new(stream), peer))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.shown.map_or_else(|| self.inner.local_addr(), Ok)
    }
}
