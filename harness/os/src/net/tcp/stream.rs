//! `TcpStream`.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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

    /// Switches Nagle's algorithm off (`true`) or on. The simulated stack has none.
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

    /// Splits into halves that borrow the stream.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        match &mut self.0 {
            Inner::Os(stream) => {
                let (read, write) = stream.split();
                (ReadHalf::from(read), WriteHalf::from(write))
            }
            #[cfg(feature = "sim")]
            Inner::Sim(stream) => {
                let (read, write) = stream.split();
                (ReadHalf::from(read), WriteHalf::from(write))
            }
        }
    }

    /// Splits into halves that can move to separate tasks. Dropping the write half shuts the
    /// write side down.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        match self.0 {
            Inner::Os(stream) => {
                let (read, write) = stream.into_split();
                (OwnedReadHalf::from(read), OwnedWriteHalf::from(write))
            }
            #[cfg(feature = "sim")]
            Inner::Sim(stream) => {
                let (read, write) = stream.into_split();
                (OwnedReadHalf::from(read), OwnedWriteHalf::from(write))
            }
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
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(&mut self.0, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(&mut self.0, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(&mut self.0, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        either!(&self.0, stream => stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.0, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.0, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
