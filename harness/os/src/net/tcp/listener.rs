//! `TcpListener`.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Context, Poll},
};

use crate::net::{TcpStream, ToSocketAddrs};

/// A TCP listener with the interface of `tokio::net::TcpListener`.
#[derive(Debug)]
pub struct TcpListener(Inner);

#[derive(Debug)]
enum Inner {
    Os(tokio::net::TcpListener),
    #[cfg(feature = "sim")]
    Sim(crate::sim::Listener),
}

impl TcpListener {
    /// Binds to `addr` and listens.
    ///
    /// # Errors
    ///
    /// As `tokio::net::TcpListener::bind`: the address is taken or not of this host.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            return Ok(Self(Inner::Sim(crate::sim::Listener::bind(addr).await?)));
        }
        Ok(Self(Inner::Os(tokio::net::TcpListener::bind(addr).await?)))
    }

    /// Takes the next established connection.
    ///
    /// # Errors
    ///
    /// As the operating system's `accept`.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next established connection.
    ///
    /// # Errors
    ///
    /// As the operating system's `accept`.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        match &self.0 {
            Inner::Os(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, peer)| (TcpStream::from(stream), peer))
            }
            #[cfg(feature = "sim")]
            Inner::Sim(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, peer)| (TcpStream::from(stream), peer))
            }
        }
    }

    /// The address that this listener is bound to.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Inner::Os(listener) => listener.local_addr(),
            #[cfg(feature = "sim")]
            Inner::Sim(listener) => listener.local_addr(),
        }
    }

    /// Sets the time to live of what accepted connections send.
    ///
    /// # Errors
    ///
    /// As the operating system's `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        match &self.0 {
            Inner::Os(listener) => listener.set_ttl(ttl),
            #[cfg(feature = "sim")]
            Inner::Sim(listener) => listener.set_ttl(ttl),
        }
    }

    /// The time to live of what accepted connections send.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        match &self.0 {
            Inner::Os(listener) => listener.ttl(),
            #[cfg(feature = "sim")]
            Inner::Sim(listener) => listener.ttl(),
        }
    }
}

impl From<tokio::net::TcpListener> for TcpListener {
    fn from(listener: tokio::net::TcpListener) -> Self {
        Self(Inner::Os(listener))
    }
}

#[cfg(feature = "sim")]
impl From<crate::sim::Listener> for TcpListener {
    fn from(listener: crate::sim::Listener) -> Self {
        Self(Inner::Sim(listener))
    }
}
