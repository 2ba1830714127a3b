//! `TcpStream`.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{Shutdown, SocketAddr},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::net::ToSocketAddrs;

/// A TCP connection with the interface of `tokio::net::TcpStream`.
#[derive(Debug)]
pub struct TcpStream(Inner);

#[derive(Debug)]
enum Inner {
    Os(tokio::net::TcpStream),
    #[cfg(feature = "sim")]
    Sim(crate::sim::Stream),
}

/// Calls the same method on whichever stream this is.
macro_rules! either {
    ($inner:expr, $stream:ident => $call:expr) => {
        match $inner {
            Inner::Os($stream) => $call,
            #[cfg(feature = "sim")]
            Inner::Sim($stream) => $call,
        }
    };
}

impl TcpStream {
    /// Opens a connection to `addr`.
    ///
    /// # Errors
    ///
    /// As `tokio::net::TcpStream::connect`: the name is unknown, the connection is refused, or
    /// no answer came within the connect timeout of the stack.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            return Ok(Self(Inner::Sim(crate::sim::Stream::connect(addr).await?)));
        }
        Ok(Self(Inner::Os(tokio::net::TcpStream::connect(addr).await?)))
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        either!(&self.0, stream => stream.local_addr())
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        either!(&self.0, stream => stream.peer_addr())
    }

    /// Switches Nagle's algorithm off (`true`) or on.
    ///
    /// # Errors
    ///
    /// As the operating system's `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        either!(&self.0, stream => stream.set_nodelay(nodelay))
    }

    /// Whether Nagle's algorithm is off.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn nodelay(&self) -> io::Result<bool> {
        either!(&self.0, stream => stream.nodelay())
    }

    /// Lets closing throw away what was not sent yet, and reset the connection.
    ///
    /// # Errors
    ///
    /// As the operating system's `setsockopt`.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        either!(&self.0, stream => stream.set_zero_linger())
    }

    /// What closing does with data that was not sent yet.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        either!(&self.0, stream => stream.linger())
    }

    /// Sets the time to live of what is sent.
    ///
    /// # Errors
    ///
    /// As the operating system's `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        either!(&self.0, stream => stream.set_ttl(ttl))
    }

    /// The time to live of what is sent.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        either!(&self.0, stream => stream.ttl())
    }

    /// What has gone wrong with the connection, once.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        either!(&self.0, stream => stream.take_error())
    }

    /// Waits until the stream is ready for something of `interest`.
    ///
    /// # Errors
    ///
    /// When the stream is gone.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        either!(&self.0, stream => stream.ready(interest).await)
    }

    /// Waits until there is something to read, an end or an error.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(|_| ())
    }

    /// Waits until something can be written.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(|_| ())
    }

    /// Polls for something to read.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&self.0, stream => stream.poll_read_ready(cx))
    }

    /// Polls for room to write.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&self.0, stream => stream.poll_write_ready(cx))
    }

    /// Reads what has arrived.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing has.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        either!(&self.0, stream => stream.try_read(buf))
    }

    /// Reads what has arrived, into several buffers.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing has.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        either!(&self.0, stream => stream.try_read_vectored(bufs))
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        either!(&self.0, stream => stream.try_write(buf))
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(&self.0, stream => stream.try_write_vectored(bufs))
    }

    /// Reads what has arrived and leaves it there.
    ///
    /// # Errors
    ///
    /// As the operating system's `recv`.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        either!(&self.0, stream => stream.peek(buf).await)
    }

    /// Polls for what has arrived and leaves it there.
    ///
    /// # Errors
    ///
    /// As the operating system's `recv`.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        either!(&self.0, stream => stream.poll_peek(cx, buf))
    }

    /// Splits into halves that borrow the stream.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// Splits into halves that can move to separate tasks. Dropping the write half shuts the
    /// write side down.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        super::split::split(self)
    }

    pub(super) fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &self.0 {
            Inner::Os(stream) => loop {
                ready!(stream.poll_read_ready(cx))?;
                match stream.try_read_buf(buf) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read.map(|_| ())),
                }
            },
            #[cfg(feature = "sim")]
            Inner::Sim(stream) => stream.poll_read(cx, buf),
        }
    }

    pub(super) fn poll_write_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &self.0 {
            Inner::Os(stream) => loop {
                ready!(stream.poll_write_ready(cx))?;
                match stream.try_write_vectored(bufs) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return Poll::Ready(written),
                }
            },
            #[cfg(feature = "sim")]
            Inner::Sim(stream) => stream.poll_write(cx, bufs),
        }
    }

    /// Ends one or both directions. What has ended already has, as with Tokio.
    pub(super) fn shutdown_shared(&self, how: Shutdown) -> io::Result<()> {
        let done = match &self.0 {
            Inner::Os(stream) => socket2::SockRef::from(stream).shutdown(how),
            #[cfg(feature = "sim")]
            Inner::Sim(stream) => stream.shutdown(how),
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }
}

impl From<tokio::net::TcpStream> for TcpStream {
    fn from(stream: tokio::net::TcpStream) -> Self {
        Self(Inner::Os(stream))
    }
}

#[cfg(feature = "sim")]
impl From<crate::sim::Stream> for TcpStream {
    fn from(stream: crate::sim::Stream) -> Self {
        Self(Inner::Sim(stream))
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP has nothing to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown_shared(Shutdown::Write))
    }
}
