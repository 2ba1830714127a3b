//! The simulated listener, and the socket that becomes a listener or a stream.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::OnceLock,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    Stream, ToAddress, resolve,
    socket::{Socket, SocketOption, SocketOptionName},
};

/// As many connections may wait as `tokio::net::TcpListener::bind` asks for, which is std's number.
const BACKLOG: u32 = 128;

/// A sidecar is not what keeps connections from a service: as many may wait as a kernel allows.
const BACKLOG_MAX: u32 = u32::MAX;

/// A simulated listener, perhaps behind a sidecar of the harness.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// What the service asked for, when a sidecar holds that address.
    shown: Option<SocketAddr>,
}

impl Listener {
    /// Binds to the first of the addresses that can be had, or to the loopback port behind the
    /// sidecar that already did.
    pub(crate) async fn bind(addr: impl ToAddress) -> io::Result<Self> {
        let mut last = None;
        for address in resolve(addr).await? {
            let bound = TcpSocket::new(address.is_ipv6()).and_then(|socket| {
                socket.set(SocketOption::ReuseAddress(true))?;
                socket.bind(address)?;
                socket.listen(BACKLOG)
            });
            match bound {
                Ok(listener) => return Ok(listener),
                Err(error) => last = Some(error),
            }
        }
        let none =
            || io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address");
        Err(last.unwrap_or_else(none))
    }

    /// Binds to `addr` itself: the sidecar's own way.
    ///
    /// # Errors
    ///
    /// When the address is taken or not of this host.
    pub fn bind_directly(addr: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(true, addr.is_ipv6())?;
        socket.set(SocketOption::ReuseAddress(true))?;
        socket.call(|host, socket| host.bind(socket, addr))?;
        socket.call(|host, socket| host.listen(socket, BACKLOG_MAX))?;
        Ok(Self { socket, shown: None })
    }

    /// Polls for the next established connection.
    ///
    /// # Errors
    ///
    /// When the listener is gone.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        let accepted = self.socket.poll(cx, false, |host, socket| host.accept(socket));
        accepted.map_ok(|(number, peer)| (Stream(Socket::accepted(number)), peer))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.shown {
            Some(shown) => Ok(shown),
            None => self.socket.call(|host, socket| host.local_addr(socket)),
        }
    }

    pub(crate) fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.set(SocketOption::Ttl(ttl))
    }

    pub(crate) fn ttl(&self) -> io::Result<u32> {
        self.socket.number(SocketOptionName::Ttl)
    }
}

/// A simulated TCP socket that neither listens nor is connected yet.
#[derive(Debug)]
pub struct TcpSocket {
    socket: Socket,
    /// What it was bound to, if a sidecar holds that address.
    shown: OnceLock<SocketAddr>,
}

impl TcpSocket {
    pub(crate) fn new(v6: bool) -> io::Result<Self> {
        Ok(Self { socket: Socket::new(true, v6)?, shown: OnceLock::new() })
    }

    pub(crate) fn set(&self, option: SocketOption) -> io::Result<()> {
        self.socket.set(option)
    }

    pub(crate) fn flag(&self, name: SocketOptionName) -> io::Result<bool> {
        self.socket.flag(name)
    }

    pub(crate) fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket.linger()
    }

    pub(crate) fn number(&self, name: SocketOptionName) -> io::Result<u32> {
        self.socket.number(name)
    }

    pub(crate) fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        match super::with(|host| host.behind_sidecar(addr.port())).flatten() {
            Some(port) => {
                let behind = if addr.is_ipv6() {
                    SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port))
                } else {
                    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
                };
                self.socket.call(|host, socket| host.bind(socket, behind))?;
                let _ = self.shown.set(addr);
                Ok(())
            }
            None => self.socket.call(|host, socket| host.bind(socket, addr)),
        }
    }

    pub(crate) fn listen(self, backlog: u32) -> io::Result<Listener> {
        self.socket.call(|host, socket| host.listen(socket, backlog))?;
        Ok(Listener { socket: self.socket, shown: self.shown.into_inner() })
    }

    pub(crate) async fn connect(self, addr: SocketAddr) -> io::Result<Stream> {
        self.socket.connect(addr).await?;
        Ok(Stream(self.socket))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.shown.get() {
            Some(shown) => Ok(*shown),
            None => self.socket.call(|host, socket| host.local_addr(socket)),
        }
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.call(|host, socket| host.take_error(socket))
    }
}
