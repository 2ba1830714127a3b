//! A socket of the current host's kernel.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    net::{IpAddr, Shutdown, SocketAddr},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::io::{Interest, ReadBuf, Ready};

use super::with;

/// The calls that a simulated kernel has for sockets, which are known by number. None of them
/// waits: what cannot be done yet is `WouldBlock`, and [`wait`](Sockets::wait) wakes a task.
#[expect(missing_docs, reason = "the calls are those of the operating system")]
pub trait Sockets {
    fn socket(&self, stream: bool, v6: bool) -> u64;
    fn bind(&self, socket: u64, address: SocketAddr) -> io::Result<()>;
    fn listen(&self, socket: u64, backlog: u32) -> io::Result<()>;
    /// Begins to connect a stream, and connects a datagram socket.
    fn connect(&self, socket: u64, address: SocketAddr) -> io::Result<()>;
    /// How the opening of a connection has ended.
    fn connected(&self, socket: u64) -> io::Result<()>;
    fn accept(&self, socket: u64) -> io::Result<(u64, SocketAddr)>;
    fn recv(&self, socket: u64, buf: &mut ReadBuf<'_>, peek: bool) -> io::Result<()>;
    fn send(&self, socket: u64, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
    fn recv_from(&self, socket: u64, buf: &mut ReadBuf<'_>, peek: bool) -> io::Result<SocketAddr>;
    fn send_to(&self, socket: u64, buf: &[u8], address: Option<SocketAddr>) -> io::Result<usize>;
    fn shutdown(&self, socket: u64, how: Shutdown) -> io::Result<()>;
    fn close(&self, socket: u64);
    fn local_addr(&self, socket: u64) -> io::Result<SocketAddr>;
    fn peer_addr(&self, socket: u64) -> io::Result<SocketAddr>;
    fn take_error(&self, socket: u64) -> io::Result<Option<io::Error>>;
    fn readiness(&self, socket: u64) -> io::Result<Readiness>;
    fn wait(&self, socket: u64, read: bool, write: bool, waker: &Waker);
    fn set_option(&self, socket: u64, option: SocketOption) -> io::Result<()>;
    fn option(&self, socket: u64, name: SocketOptionName) -> io::Result<SocketOption>;
    /// The address of the host with this name.
    fn address_of(&self, name: &str) -> Option<IpAddr>;
}

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read would not wait.
    pub readable: bool,
    /// A write would not wait.
    pub writable: bool,
    /// The stream from the peer has ended.
    pub read_closed: bool,
    /// The stream to the peer has ended.
    pub write_closed: bool,
}

/// An option of a socket with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the operating system")]
pub enum SocketOption {
    ReuseAddress(bool),
    ReusePort(bool),
    Nodelay(bool),
    Keepalive(bool),
    KeepaliveTime(Duration),
    KeepaliveInterval(Duration),
    KeepaliveProbes(u32),
    UserTimeout(Duration),
    Linger(Option<Duration>),
    SendBuffer(u32),
    ReceiveBuffer(u32),
    Ttl(u32),
    Tos(u32),
}

/// Which option of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the operating system")]
pub enum SocketOptionName {
    ReuseAddress,
    ReusePort,
    Nodelay,
    Keepalive,
    KeepaliveTime,
    KeepaliveInterval,
    KeepaliveProbes,
    UserTimeout,
    Linger,
    SendBuffer,
    ReceiveBuffer,
    Ttl,
    Tos,
}

/// Calls the kernel of the current host; an error outside a run.
pub(super) fn call<R>(act: impl FnOnce(&dyn super::Host) -> io::Result<R>) -> io::Result<R> {
    with(act).unwrap_or_else(|| Err(io::Error::other("the simulated host of this socket is gone")))
}

/// A socket, closed when it is dropped.
#[derive(Debug)]
pub(super) struct Socket(u64);

impl Drop for Socket {
    fn drop(&mut self) {
        with(|host| host.close(self.0));
    }
}

impl Socket {
    pub(super) fn new(stream: bool, v6: bool) -> io::Result<Self> {
        call(|host| Ok(Self(host.socket(stream, v6))))
    }

    pub(super) fn accepted(number: u64) -> Self {
        Self(number)
    }

    pub(super) fn call<R>(
        &self,
        act: impl FnOnce(&dyn super::Host, u64) -> io::Result<R>,
    ) -> io::Result<R> {
        call(|host| act(host, self.0))
    }

    /// Calls until it need not wait.
    pub(super) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        write: bool,
        act: impl FnOnce(&dyn super::Host, u64) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let result = call(|host| {
            let result = act(host, self.0);
            if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                host.wait(self.0, !write, write, cx.waker());
            }
            result
        });
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    pub(super) fn set(&self, option: SocketOption) -> io::Result<()> {
        self.call(|host, socket| host.set_option(socket, option))
    }

    pub(super) fn get(&self, name: SocketOptionName) -> io::Result<SocketOption> {
        self.call(|host, socket| host.option(socket, name))
    }

    pub(super) fn flag(&self, name: SocketOptionName) -> io::Result<bool> {
        use SocketOption::{Keepalive, Nodelay, ReuseAddress, ReusePort};
        Ok(matches!(
            self.get(name)?,
            Keepalive(true) | Nodelay(true) | ReuseAddress(true) | ReusePort(true)
        ))
    }

    pub(super) fn number(&self, name: SocketOptionName) -> io::Result<u32> {
        use SocketOption::{KeepaliveProbes, ReceiveBuffer, SendBuffer, Tos, Ttl};
        Ok(match self.get(name)? {
            KeepaliveProbes(number)
            | ReceiveBuffer(number)
            | SendBuffer(number)
            | Tos(number)
            | Ttl(number) => number,
            _ => 0,
        })
    }

    pub(super) fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(match self.get(SocketOptionName::Linger)? {
            SocketOption::Linger(linger) => linger,
            _ => None,
        })
    }

    pub(super) fn poll_ready(
        &self,
        interest: Interest,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Ready>> {
        let (read, write) = (interest.is_readable(), interest.is_writable());
        let readiness = call(|host| {
            let now = host.readiness(self.0)?;
            if !(read && now.readable || write && now.writable) {
                host.wait(self.0, read, write, cx.waker());
            }
            Ok(now)
        })?;
        let mut ready = Ready::EMPTY;
        for (is, what) in [
            (read && readiness.readable, Ready::READABLE),
            (write && readiness.writable, Ready::WRITABLE),
            (read && readiness.read_closed, Ready::READ_CLOSED),
            (write && readiness.write_closed, Ready::WRITE_CLOSED),
        ] {
            if is {
                ready |= what;
            }
        }
        if ready.is_empty() { Poll::Pending } else { Poll::Ready(Ok(ready)) }
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        poll_fn(|cx| self.poll_ready(interest, cx)).await
    }

    pub(super) async fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.call(|host, socket| host.connect(socket, address))?;
        poll_fn(|cx| self.poll(cx, true, |host, socket| host.connected(socket))).await
    }

    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        peek: bool,
    ) -> Poll<io::Result<()>> {
        self.poll(cx, false, |host, socket| host.recv(socket, buf, peek))
    }

    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, true, |host, socket| host.send(socket, bufs))
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.call(|host, socket| host.shutdown(socket, how))
    }

    /// Reads into `buf` and returns how much.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        peek: bool,
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.poll_read(cx, &mut buf, peek))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}
