//! The simulated stream and its halves.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil_net::shim::tokio::net as shim;

use super::{ToAddress, or_timed_out, resolve, spill::Spill};

/// A simulated connection.
#[derive(Debug)]
pub struct Stream {
    inner: shim::TcpStream,
    spill: Spill,
}

impl Stream {
    pub(super) fn new(inner: shim::TcpStream) -> Self {
        Self { inner, spill: Spill::default() }
    }

    /// Connects through the simulated network.
    ///
    /// # Errors
    ///
    /// When the name is unknown, the peer refuses, or no answer comes in time.
    pub async fn connect(addr: impl ToAddress) -> io::Result<Self> {
        let peer = resolve(addr).await?;
        match shim::TcpStream::connect(peer).await {
            Ok(stream) => Ok(Self::new(stream)),
            Err(error) => Err(or_timed_out(error, None, peer)),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    pub(crate) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.set_nodelay(nodelay)
    }

    pub(crate) fn nodelay(&self) -> io::Result<bool> {
        self.inner.nodelay()
    }

    pub(crate) fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        let (inner, write) = self.inner.split();
        (ReadHalf { inner, spill: &mut self.spill }, WriteHalf(write))
    }

    pub(crate) fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let (inner, write) = self.inner.into_split();
        (OwnedReadHalf { inner, spill: self.spill }, OwnedWriteHalf(write))
    }
}

/// Says of an error on a connection what it came from.
macro_rules! explained {
    ($half:expr, $polled:expr) => {
        $polled.map_err(|error| match $half.peer_addr() {
            Ok(peer) => or_timed_out(error, $half.local_addr().ok(), peer),
            Err(_) => error,
        })
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, spill } = &mut *self;
        let polled = spill.poll_read(cx, buf, |cx, buf| Pin::new(&mut *inner).poll_read(cx, buf));
        explained!(inner, polled)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        explained!(self.inner, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// The simulated borrowed read half.
#[derive(Debug)]
pub struct ReadHalf<'a> {
    inner: shim::tcp::ReadHalf<'a>,
    spill: &'a mut Spill,
}

impl AsyncRead for ReadHalf<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, spill } = &mut *self;
        let polled = spill.poll_read(cx, buf, |cx, buf| Pin::new(&mut *inner).poll_read(cx, buf));
        explained!(inner, polled)
    }
}

/// The simulated owned read half.
#[derive(Debug)]
pub struct OwnedReadHalf {
    inner: shim::tcp::OwnedReadHalf,
    spill: Spill,
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, spill } = &mut *self;
        let polled = spill.poll_read(cx, buf, |cx, buf| Pin::new(&mut *inner).poll_read(cx, buf));
        explained!(inner, polled)
    }
}

/// The simulated borrowed write half.
#[derive(Debug)]
pub struct WriteHalf<'a>(shim::tcp::WriteHalf<'a>);

/// The simulated owned write half.
#[derive(Debug)]
pub struct OwnedWriteHalf(shim::tcp::OwnedWriteHalf);

macro_rules! write_half {
    ($name:ty) => {
        impl AsyncWrite for $name {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let polled = Pin::new(&mut self.0).poll_write(cx, buf);
                explained!(self.0, polled)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_shutdown(cx)
            }
        }
    };
}

write_half!(WriteHalf<'_>);
write_half!(OwnedWriteHalf);
