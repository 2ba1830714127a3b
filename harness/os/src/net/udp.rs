//! `UdpSocket`.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Context, Poll},
};

use tokio::io::{Interest, ReadBuf, Ready};

use crate::net::ToSocketAddrs;

/// A UDP socket with the interface of `tokio::net::UdpSocket`.
#[derive(Debug)]
pub struct UdpSocket(Inner);

#[derive(Debug)]
enum Inner {
    Os(tokio::net::UdpSocket),
    #[cfg(feature = "sim")]
    Sim(crate::sim::Udp),
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
            return Ok(Self(Inner::Sim(crate::sim::Udp::bind(addr).await?)));
        }
        Ok(Self(Inner::Os(tokio::net::UdpSocket::bind(addr).await?)))
    }

    /// Sets the peer for [`send`](Self::send) and [`recv`](Self::recv): other datagrams are
    /// dropped, and that nobody has the peer's port becomes an error.
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        either!(self, socket => socket.connect(addr).await)
    }

    /// Sends one datagram to the connected peer and returns its length.
    ///
    /// # Errors
    ///
    /// When the socket is not connected, the datagram is larger than 65,507 bytes, or an earlier
    /// one was refused.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Inner::Os(socket) => socket.send(buf).await,
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => poll_fn(|cx| socket.poll_send(cx, buf)).await,
        }
    }

    /// Sends one datagram to the connected peer, if that can be done now.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); `WouldBlock`.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_send(buf))
    }

    /// Sends one datagram to `target` and returns its length.
    ///
    /// # Errors
    ///
    /// When the target cannot be resolved or the datagram is larger than 65,507 bytes.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], target: A) -> io::Result<usize> {
        either!(self, socket => socket.send_to(buf, target).await)
    }

    /// Sends one datagram to `target`, if that can be done now.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to); `WouldBlock`.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        either!(self, socket => socket.try_send_to(buf, target))
    }

    /// Receives one datagram from the connected peer; what does not fit is cut off.
    ///
    /// # Errors
    ///
    /// As the operating system's `recv`.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Inner::Os(socket) => socket.recv(buf).await,
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.recv_from(buf, false).await.map(|(length, _)| length),
        }
    }

    /// Receives one datagram from the connected peer, if there is one.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); `WouldBlock`.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_recv_from(buf).map(|(length, _)| length)
    }

    /// Receives one datagram and its sender; what does not fit is cut off.
    ///
    /// # Errors
    ///
    /// As the operating system's `recvfrom`.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &self.0 {
            Inner::Os(socket) => socket.recv_from(buf).await,
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.recv_from(buf, false).await,
        }
    }

    /// Receives one datagram and its sender, if there is one.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from); `WouldBlock`.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        either!(self, socket => socket.try_recv_from(buf))
    }

    /// Receives one datagram and its sender, and leaves it in the queue.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &self.0 {
            Inner::Os(socket) => socket.peek_from(buf).await,
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.recv_from(buf, true).await,
        }
    }

    /// Receives one datagram, and leaves it in the queue.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.peek_from(buf).await.map(|(length, _)| length)
    }

    /// Receives one datagram and its sender, if there is one, and leaves it in the queue.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from); `WouldBlock`.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &self.0 {
            Inner::Os(socket) => socket.try_peek_from(buf),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.try_peek_from(buf),
        }
    }

    /// Receives one datagram, if there is one, and leaves it in the queue.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); `WouldBlock`.
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_peek_from(buf).map(|(length, _)| length)
    }

    /// The sender of the next datagram.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.peek_from(&mut []).await.map(|(_, sender)| sender)
    }

    /// Polls for one datagram of the connected peer.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_recv_from(cx, buf).map_ok(|_| ())
    }

    /// Polls for one datagram and its sender.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        match &self.0 {
            Inner::Os(socket) => socket.poll_recv_from(cx, buf),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.poll_recv_from(cx, buf, false),
        }
    }

    /// Waits until the socket is ready for something of `interest`.
    ///
    /// # Errors
    ///
    /// When the socket is gone.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        either!(self, socket => socket.ready(interest).await)
    }

    /// Waits until there is something to receive.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(|_| ())
    }

    /// Waits until something can be sent.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(|_| ())
    }

    /// The address that this socket is bound to.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        either!(self, socket => socket.local_addr())
    }

    /// The address of the connected peer.
    ///
    /// # Errors
    ///
    /// When the socket is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        either!(self, socket => socket.peer_addr())
    }

    /// What has gone wrong with the socket, once.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        either!(self, socket => socket.take_error())
    }

    /// Sets the time to live of what is sent.
    ///
    /// # Errors
    ///
    /// As the operating system's `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        either!(self, socket => socket.set_ttl(ttl))
    }

    /// The time to live of what is sent.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        either!(self, socket => socket.ttl())
    }
}
