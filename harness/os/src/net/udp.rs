//! `UdpSocket`.

use std::{io, net::SocketAddr};

use crate::net::ToSocketAddrs;

/// A UDP socket with the interface of `tokio::net::UdpSocket`.
#[derive(Debug)]
pub struct UdpSocket(Inner);

#[derive(Debug)]
enum Inner {
    Os(tokio::net::UdpSocket),
    #[cfg(feature = "sim")]
    Sim(turmoil_net::shim::tokio::net::UdpSocket),
}

/// Calls the same method on whichever socket this is.
macro_rules! either {
    ($self:expr, $socket:ident => $call:expr) => {
        match &$self.0 {
            Inner::Os($socket) => $call,
            #[cfg(feature = "sim")]
            Inner::Sim($socket) => $call,
        }
    };
}

impl UdpSocket {
    /// Binds to `addr`.
    ///
    /// # Errors
    ///
    /// As `tokio::net::UdpSocket::bind`: the address is taken or not of this host.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            let socket = turmoil_net::shim::tokio::net::UdpSocket::bind(addr).await?;
            return Ok(Self(Inner::Sim(socket)));
        }
        Ok(Self(Inner::Os(tokio::net::UdpSocket::bind(addr).await?)))
    }

    /// Sets the peer for [`send`](Self::send) and [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        match &self.0 {
            Inner::Os(socket) => socket.connect(addr).await,
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.connect(crate::sim::resolve(addr).await?).await,
        }
    }

    /// Sends one datagram to the connected peer and returns its length.
    ///
    /// # Errors
    ///
    /// When the socket is not connected or the datagram is larger than the link takes.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        either!(self, socket => socket.send(buf).await)
    }

    /// Sends one datagram to `target` and returns its length.
    ///
    /// # Errors
    ///
    /// When the target cannot be resolved or the datagram is larger than the link takes.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], target: A) -> io::Result<usize> {
        match &self.0 {
            Inner::Os(socket) => socket.send_to(buf, target).await,
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.send_to(buf, crate::sim::resolve(target).await?).await,
        }
    }

    /// Receives one datagram from the connected peer; what does not fit is cut off.
    ///
    /// # Errors
    ///
    /// As the operating system's `recv`.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => socket.recv(buf).await)
    }

    /// Receives one datagram and its sender; what does not fit is cut off.
    ///
    /// # Errors
    ///
    /// As the operating system's `recvfrom`.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        either!(self, socket => socket.recv_from(buf).await)
    }

    /// The address that this socket is bound to.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        either!(self, socket => socket.local_addr())
    }
}
