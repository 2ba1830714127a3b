//! The simulated UDP socket.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Context, Poll},
};

use tokio::io::{Interest, ReadBuf, Ready};

use super::{
    ToAddress, resolve,
    socket::{Socket, SocketOption, SocketOptionName},
};

/// A UDP socket of a simulated host.
#[derive(Debug)]
pub struct Udp(Socket);

impl Udp {
    /// Binds to the first of the addresses that can be had.
    pub(crate) async fn bind(addr: impl ToAddress) -> io::Result<Self> {
        let mut last = None;
        for address in resolve(addr).await? {
            let socket = Socket::new(false, address.is_ipv6())?;
            match socket.call(|host, socket| host.bind(socket, address)) {
                Ok(()) => return Ok(Self(socket)),
                Err(error) => last = Some(error),
            }
        }
        let none =
            || io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address");
        Err(last.unwrap_or_else(none))
    }

    pub(crate) async fn connect(&self, addr: impl ToAddress) -> io::Result<()> {
        let address = first(addr).await?;
        self.0.call(|host, socket| host.connect(socket, address))
    }

    pub(crate) fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll(cx, true, |host, socket| host.send_to(socket, buf, None))
    }

    pub(crate) async fn send_to(&self, buf: &[u8], target: impl ToAddress) -> io::Result<usize> {
        let address = first(target).await?;
        self.0.call(|host, socket| host.send_to(socket, buf, Some(address)))
    }

    pub(crate) fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.call(|host, socket| host.send_to(socket, buf, None))
    }

    pub(crate) fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.0.call(|host, socket| host.send_to(socket, buf, Some(target)))
    }

    pub(crate) fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        peek: bool,
    ) -> Poll<io::Result<SocketAddr>> {
        self.0.poll(cx, false, |host, socket| host.recv_from(socket, buf, peek))
    }

    pub(crate) async fn recv_from(
        &self,
        buf: &mut [u8],
        peek: bool,
    ) -> io::Result<(usize, SocketAddr)> {
        let mut buf = ReadBuf::new(buf);
        let from = poll_fn(|cx| self.poll_recv_from(cx, &mut buf, peek)).await?;
        Ok((buf.filled().len(), from))
    }

    /// Tokio tries only what is known to be readable, and an error that waits is not.
    fn has_datagram(&self) -> io::Result<()> {
        let readiness = self.0.call(|host, socket| host.readiness(socket))?;
        if readiness.readable { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    pub(crate) fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.has_datagram()?;
        let mut buf = ReadBuf::new(buf);
        let from = self.0.call(|host, socket| host.recv_from(socket, &mut buf, false))?;
        Ok((buf.filled().len(), from))
    }

    pub(crate) fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.has_datagram()?;
        let mut buf = ReadBuf::new(buf);
        let from = self.0.call(|host, socket| host.recv_from(socket, &mut buf, true))?;
        Ok((buf.filled().len(), from))
    }

    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.0.ready(interest).await
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

    pub(crate) fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.set(SocketOption::Ttl(ttl))
    }

    pub(crate) fn ttl(&self) -> io::Result<u32> {
        self.0.number(SocketOptionName::Ttl)
    }
}

async fn first(addr: impl ToAddress) -> io::Result<SocketAddr> {
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to");
    resolve(addr).await?.into_iter().next().ok_or_else(none)
}
