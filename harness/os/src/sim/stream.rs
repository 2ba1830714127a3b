//! The simulated stream.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{Shutdown, SocketAddr},
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{Interest, ReadBuf, Ready};

use super::{
    ToAddress, resolve,
    socket::{Socket, SocketOption, SocketOptionName},
};

/// A simulated connection.
#[derive(Debug)]
pub struct Stream(pub(super) Socket);

impl Stream {
    /// Connects through the simulated network: to the first of the addresses that answers.
    ///
    /// # Errors
    ///
    /// When the name is unknown, the peer refuses, or no answer comes in time.
    pub async fn connect(addr: impl ToAddress) -> io::Result<Self> {
        let mut last = None;
        for address in resolve(addr).await? {
            let socket = Socket::new(true, address.is_ipv6())?;
            match socket.connect(address).await {
                Ok(()) => return Ok(Self(socket)),
                Err(error) => last = Some(error),
            }
        }
        let none =
            || io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address");
        Err(last.unwrap_or_else(none))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.call(|host, socket| host.local_addr(socket))
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.call(|host, socket| host.peer_addr(socket))
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.call(|host, socket| host.take_error(socket))
    }

    pub(crate) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set(SocketOption::Nodelay(nodelay))
    }

    pub(crate) fn nodelay(&self) -> io::Result<bool> {
        self.0.flag(SocketOptionName::Nodelay)
    }

    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        self.0.set(SocketOption::Linger(Some(Duration::ZERO)))
    }

    pub(crate) fn linger(&self) -> io::Result<Option<Duration>> {
        self.0.linger()
    }

    pub(crate) fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.set(SocketOption::Ttl(ttl))
    }

    pub(crate) fn ttl(&self) -> io::Result<u32> {
        self.0.number(SocketOptionName::Ttl)
    }

    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.0.ready(interest).await
    }

    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(Interest::READABLE, cx).map_ok(|_| ())
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(Interest::WRITABLE, cx).map_ok(|_| ())
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        self.0.call(|host, socket| host.recv(socket, &mut buf, false))?;
        Ok(buf.filled().len())
    }

    pub(crate) fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut read = 0;
        for buf in bufs.iter_mut().filter(|buf| !buf.is_empty()) {
            match self.try_read(buf) {
                Ok(length) => {
                    read += length;
                    if length < buf.len() {
                        break;
                    }
                }
                Err(_) if read > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.call(|host, socket| host.send(socket, &[IoSlice::new(buf)]))
    }

    pub(crate) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.call(|host, socket| host.send(socket, bufs))
    }

    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let before = buf.filled().len();
        self.0.poll_read(cx, buf, true).map_ok(|()| buf.filled().len() - before)
    }

    pub(crate) async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.0.poll_recv(cx, buf, true)).await
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buf, false)
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bufs)
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}
