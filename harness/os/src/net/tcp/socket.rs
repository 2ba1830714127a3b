//! `TcpSocket`.

use std::{io, net::SocketAddr, time::Duration};

use crate::net::{TcpListener, TcpStream};
#[cfg(feature = "sim")]
use crate::sim::{SocketOption, SocketOptionName};

/// A TCP socket that neither listens nor is connected yet, with the interface of
/// `tokio::net::TcpSocket`.
#[derive(Debug)]
pub struct TcpSocket(Inner);

#[derive(Debug)]
enum Inner {
    Os(tokio::net::TcpSocket),
    #[cfg(feature = "sim")]
    Sim(crate::sim::TcpSocket),
}

/// A setter and its getter.
macro_rules! option {
    ($(#[$doc:meta])* $set:ident, $get:ident: $type:ty, $option:ident, $read:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// As the operating system's `setsockopt`.
        pub fn $set(&self, value: $type) -> io::Result<()> {
            match &self.0 {
                Inner::Os(socket) => socket.$set(value),
                #[cfg(feature = "sim")]
                Inner::Sim(socket) => socket.set(SocketOption::$option(value)),
            }
        }

        /// What was set, or what is so without.
        ///
        /// # Errors
        ///
        /// As the operating system's `getsockopt`.
        pub fn $get(&self) -> io::Result<$type> {
            match &self.0 {
                Inner::Os(socket) => socket.$get(),
                #[cfg(feature = "sim")]
                Inner::Sim(socket) => socket.$read(SocketOptionName::$option),
            }
        }
    };
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// As the operating system's `socket`.
    pub fn new_v4() -> io::Result<Self> {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            return Ok(Self(Inner::Sim(crate::sim::TcpSocket::new(false)?)));
        }
        Ok(Self(Inner::Os(tokio::net::TcpSocket::new_v4()?)))
    }

    /// A socket for IPv6, and for IPv4 as well if it is bound to all addresses.
    ///
    /// # Errors
    ///
    /// As the operating system's `socket`.
    pub fn new_v6() -> io::Result<Self> {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            return Ok(Self(Inner::Sim(crate::sim::TcpSocket::new(true)?)));
        }
        Ok(Self(Inner::Os(tokio::net::TcpSocket::new_v6()?)))
    }

    option!(
        /// Lets it take an address that only connections use.
        set_reuseaddr, reuseaddr: bool, ReuseAddress, flag
    );
    option!(
        /// Lets several sockets that ask for it share an address.
        set_reuseport, reuseport: bool, ReusePort, flag
    );
    option!(
        /// Probes the peer of an idle connection.
        set_keepalive, keepalive: bool, Keepalive, flag
    );
    option!(
        /// Sets the size of the send buffer, which Linux doubles.
        set_send_buffer_size, send_buffer_size: u32, SendBuffer, number
    );
    option!(
        /// Sets the size of the receive buffer, which Linux doubles.
        set_recv_buffer_size, recv_buffer_size: u32, ReceiveBuffer, number
    );
    option!(
        /// Switches Nagle's algorithm off (`true`) or on.
        set_nodelay, nodelay: bool, Nodelay, flag
    );

    option!(
        /// Sets the type of service of what is sent. Simulated links treat all alike.
        set_tos_v4, tos_v4: u32, Tos, number
    );

    /// Lets closing throw away what was not sent yet, and reset the connection.
    ///
    /// # Errors
    ///
    /// As the operating system's `setsockopt`.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        match &self.0 {
            Inner::Os(socket) => socket.set_zero_linger(),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.set(SocketOption::Linger(Some(Duration::ZERO))),
        }
    }

    /// What closing does with data that was not sent yet.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        match &self.0 {
            Inner::Os(socket) => socket.linger(),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.linger(),
        }
    }

    /// Binds it to an address of this host.
    ///
    /// # Errors
    ///
    /// When the address is taken or not of this host.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        match &self.0 {
            Inner::Os(socket) => socket.bind(addr),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.bind(addr),
        }
    }

    /// Connects it.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`].
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match self.0 {
            Inner::Os(socket) => socket.connect(addr).await.map(TcpStream::from),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.connect(addr).await.map(TcpStream::from),
        }
    }

    /// Lets it listen, with room for so many connections that wait to be accepted.
    ///
    /// # Errors
    ///
    /// As the operating system's `listen`.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        match self.0 {
            Inner::Os(socket) => socket.listen(backlog).map(TcpListener::from),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.listen(backlog).map(TcpListener::from),
        }
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Inner::Os(socket) => socket.local_addr(),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.local_addr(),
        }
    }

    /// What has gone wrong with it, once.
    ///
    /// # Errors
    ///
    /// As the operating system's `getsockopt`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match &self.0 {
            Inner::Os(socket) => socket.take_error(),
            #[cfg(feature = "sim")]
            Inner::Sim(socket) => socket.take_error(),
        }
    }
}
