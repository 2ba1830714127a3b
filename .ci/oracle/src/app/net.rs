//! The two networks under the application: this kernel's, and the simulated one.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// The port that the server listens on.
pub(crate) const PORT: u16 = 8080;

/// Connections between the client and the server.
pub(crate) trait Net: Clone + Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    type Listener: Send + Sync + 'static;

    /// Connects to the server.
    fn connect(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Listens as the server.
    fn listen(&self) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Sockets of the kernel, in whichever network namespace the process is.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// The server's address.
    pub(crate) server: Ipv4Addr,
    /// The congestion control of each socket; a namespace could not change its default.
    pub(crate) congestion: String,
}

impl Kernel {
    fn socket(&self) -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        SockRef::from(&socket).set_tcp_congestion(self.congestion.as_bytes())?;
        Ok(socket)
    }

    fn address(&self) -> SocketAddr {
        SocketAddrV4::new(self.server, PORT).into()
    }
}

impl Net for Kernel {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn connect(&self) -> io::Result<TcpStream> {
        let stream = self.socket()?.connect(self.address()).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn listen(&self) -> io::Result<TcpListener> {
        let socket = self.socket()?;
        socket.bind(self.address())?;
        socket.listen(4096)
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Sockets of a simulated host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simulated;

impl Net for Simulated {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn connect(&self) -> io::Result<Self::Stream> {
        let stream = TcpStream::connect(("server", PORT)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn listen(&self) -> io::Result<Self::Listener> {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
