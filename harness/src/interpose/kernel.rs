//! What the interposed calls ask of the kernel of a simulated host.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    net::{IpAddr, Shutdown, SocketAddr},
    rc::Rc,
    time::Duration,
};

use tokio::io::ReadBuf;

use super::{clocks::Clock, program::Image};

mod disk;

pub(crate) use disk::{DiskAnswer, DiskRequest, FileStatus};

/// The calls that a simulated kernel has for sockets, which it knows by number. None of them
/// waits: what cannot be done yet is `WouldBlock`, and a socket that is watched says when that may
/// have changed, to [`notify`](super::notify).
pub(crate) trait Kernel {
    /// Which host it is.
    fn host(&self) -> u16;
    /// Its name.
    fn name(&self) -> String;
    /// How many cores it has.
    fn cores(&self) -> usize;
    /// The clocks of the host.
    fn clock(&self) -> Clock;
    fn socket(&self, stream: bool, v6: bool) -> io::Result<u64>;
    fn bind(&self, socket: u64, address: SocketAddr) -> io::Result<()>;
    fn listen(&self, socket: u64, backlog: u32) -> io::Result<()>;
    /// Begins to connect a stream, and connects a datagram socket.
    fn connect(&self, socket: u64, address: SocketAddr) -> io::Result<()>;
    fn accept(&self, socket: u64) -> io::Result<(u64, SocketAddr)>;
    fn recv(&self, socket: u64, buf: &mut ReadBuf<'_>, peek: bool) -> io::Result<()>;
    fn send(&self, socket: u64, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
    fn recv_from(&self, socket: u64, buf: &mut ReadBuf<'_>, peek: bool) -> io::Result<SocketAddr>;
    fn send_to(&self, socket: u64, buf: &[u8], address: Option<SocketAddr>) -> io::Result<usize>;
    fn shutdown(&self, socket: u64, how: Shutdown) -> io::Result<()>;
    fn close(&self, socket: u64);
    fn local_addr(&self, socket: u64) -> io::Result<SocketAddr>;
    fn peer_addr(&self, socket: u64) -> io::Result<SocketAddr>;
    /// What has gone wrong with it, once.
    fn take_error(&self, socket: u64) -> io::Result<Option<io::Error>>;
    /// What it is ready for; that it has room for what is `wanted` to be written is told later.
    fn readiness(&self, socket: u64, wanted: bool) -> Readiness;
    /// From now on the socket says when its readiness may have changed.
    fn watch(&self, socket: u64, watcher: u32);
    fn is_listening(&self, socket: u64) -> bool;
    fn set_option(&self, socket: u64, option: SocketOption) -> io::Result<()>;
    fn option(&self, socket: u64, name: SocketOptionName) -> io::Result<SocketOption>;
    /// How many bytes could be read at once.
    fn pending(&self, socket: u64) -> io::Result<usize>;
    /// A datagram socket has no peer any more.
    fn disconnect(&self, socket: u64) -> io::Result<()>;
    /// When looking up a name has an answer, and which: none for a name that is unknown, an error
    /// when there is none to be had.
    fn look_up(&self, name: &str) -> (u64, io::Result<Option<IpAddr>>);
    /// Which device the disk is, for this process of the host: another than for any other process,
    /// also of other runs.
    fn device(&self) -> u32;
    /// Which process of the run it is: the same in each run with this plan.
    fn process(&self) -> u32;
    /// What Tokio's statics for signals hold for its process, in a plan that sends some.
    fn image(&self) -> Option<Rc<RefCell<Image>>>;
    /// Hands a request to the disk of the host, and returns its number.
    fn disk(&self, request: DiskRequest) -> u64;
    /// The answer to a request, or when there will be one; `None` if its process is gone.
    fn disk_answer(&self, number: u64) -> Option<Result<io::Result<DiskAnswer>, u64>>;
    /// Performs the call of a thread of this host's process.
    fn on_behalf(&self, call: &mut dyn FnMut());
}

/// What a socket is ready for, as `poll(2)` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// A read would not wait.
    pub(crate) readable: bool,
    /// A write would not wait.
    pub(crate) writable: bool,
    /// The stream from the peer has ended.
    pub(crate) read_closed: bool,
    /// Both streams have ended, or there is no connection.
    pub(crate) hung_up: bool,
    /// There is an error to be asked for.
    pub(crate) failed: bool,
}

/// An option of a socket with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketOption {
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
    V6Only(bool),
}

/// Which option of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketOptionName {
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
    V6Only,
}
