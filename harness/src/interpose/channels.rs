//! Pipes, pairs of sockets and connections of Unix sockets: bytes between two descriptors of one host.
//! Capacities are Linux's (`pipe(7)`, `net.core.wmem_default`).

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    path::PathBuf,
    rc::Rc,
};

use libc::{EPOLLIN, EPOLLOUT, MSG_DONTWAIT, MSG_PEEK, c_int, iovec, sockaddr, socklen_t, ssize_t};

use super::{
    Next,
    calls::{answer, os},
    descriptors::{self, Kind, Object},
    is_inside, polling, threads,
    transfer::{scatter, signed},
    unix::write_name,
};

const PIPE_BYTES: usize = 64 << 10;
const SOCKET_BYTES: usize = 208 << 10;

/// Bytes on their way from one end to the other.
struct Flow {
    bytes: RefCell<VecDeque<u8>>,
    capacity: usize,
    /// Nothing more comes, or is taken.
    ended: Cell<bool>,
    refused: Cell<bool>,
    /// Who reads and who writes, by the numbers that objects are notified by.
    reader: Cell<Option<u32>>,
    writer: Cell<Option<u32>>,
}

impl Flow {
    fn new(capacity: usize) -> Rc<Self> {
        Rc::new(Self {
            bytes: RefCell::default(),
            capacity,
            ended: Cell::new(false),
            refused: Cell::new(false),
            reader: Cell::new(None),
            writer: Cell::new(None),
        })
    }

    fn tell(whom: &Cell<Option<u32>>) {
        if let Some(number) = whom.get() {
            polling::notify(number);
        }
    }

    fn end(&self) {
        if !self.ended.replace(true) {
            Self::tell(&self.reader);
        }
    }

    fn refuse(&self) {
        if !self.refused.replace(true) {
            Self::tell(&self.writer);
        }
    }

    fn take(&self, most: usize, peek: bool) -> io::Result<Vec<u8>> {
        let mut bytes = self.bytes.borrow_mut();
        if bytes.is_empty() && most > 0 && !self.ended.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(most);
        if peek {
            return Ok(bytes.iter().take(count).copied().collect());
        }
        let taken = bytes.drain(..count).collect();
        drop(bytes);
        if count > 0 {
            Self::tell(&self.writer);
        }
        Ok(taken)
    }

    fn put(&self, parts: &[&[u8]]) -> io::Result<usize> {
        if self.ended.get() || self.refused.get() {
            return os(libc::EPIPE);
        }
        let mut bytes = self.bytes.borrow_mut();
        let mut room = self.capacity - bytes.len();
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        if room == 0 && wanted > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut count = 0;
        for part in parts {
            let now = &part[..part.len().min(room)];
            bytes.extend(now);
            count += now.len();
            room -= now.len();
        }
        drop(bytes);
        if count > 0 {
            Self::tell(&self.reader);
        }
        Ok(count)
    }
}

/// One end of a channel.
pub(super) struct Channel {
    incoming: Option<Rc<Flow>>,
    outgoing: Option<Rc<Flow>>,
    /// Whether it is a socket, and the names of a Unix one: its own, and its peer's.
    is_socket: bool,
    pub(super) name: RefCell<Option<PathBuf>>,
    pub(super) peer: RefCell<Option<PathBuf>>,
}

impl Channel {
    fn new(incoming: Option<Rc<Flow>>, outgoing: Option<Rc<Flow>>, is_socket: bool) -> Self {
        let (name, peer) = (RefCell::default(), RefCell::default());
        Self { incoming, outgoing, is_socket, name, peer }
    }

    /// Both ends of a pair of connected sockets.
    pub(super) fn pair() -> (Self, Self) {
        let (one, other) = (Flow::new(SOCKET_BYTES), Flow::new(SOCKET_BYTES));
        let first = Self::new(Some(Rc::clone(&one)), Some(Rc::clone(&other)), true);
        (first, Self::new(Some(other), Some(one), true))
    }

    /// From now on its object is told what happens at the other end.
    pub(super) fn join(&self, number: u32) {
        if let Some(flow) = &self.incoming {
            flow.reader.set(Some(number));
        }
        if let Some(flow) = &self.outgoing {
            flow.writer.set(Some(number));
        }
    }

    /// What it is ready for, in the bits of epoll.
    pub(super) fn mask(&self) -> c_int {
        let mut bits = 0;
        let (mut read_over, mut write_over) = (true, true);
        if let Some(flow) = &self.incoming {
            read_over = flow.ended.get();
            if read_over || !flow.bytes.borrow().is_empty() {
                bits |= EPOLLIN | libc::EPOLLRDNORM;
            }
            if read_over {
                bits |= libc::EPOLLRDHUP;
            }
        }
        if let Some(flow) = &self.outgoing {
            write_over = flow.refused.get() || flow.ended.get();
            if write_over || flow.bytes.borrow().len() < flow.capacity {
                bits |= EPOLLOUT | libc::EPOLLWRNORM;
            }
            if flow.refused.get() && !self.is_socket {
                bits |= libc::EPOLLERR;
            }
        }
        if read_over && write_over { bits | libc::EPOLLHUP } else { bits }
    }

    fn shut_down(&self, how: c_int) {
        if how != libc::SHUT_WR
            && let Some(flow) = &self.incoming
        {
            flow.end();
            flow.refuse();
        }
        if how != libc::SHUT_RD
            && let Some(flow) = &self.outgoing
        {
            flow.end();
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(flow) = &self.incoming {
            flow.reader.set(None);
            flow.refuse();
        }
        if let Some(flow) = &self.outgoing {
            flow.writer.set(None);
            flow.end();
        }
    }
}

pub(super) fn open(channel: Channel, flags: c_int) -> io::Result<c_int> {
    let nonblocking = flags & (libc::SOCK_NONBLOCK | libc::O_NONBLOCK) != 0;
    let fd = descriptors::open(Kind::Channel(channel), nonblocking, flags & libc::O_CLOEXEC != 0)?;
    let object = descriptors::get(fd)?;
    if let Kind::Channel(channel) = &object.kind {
        channel.join(object.number);
    }
    Ok(fd)
}

/// Does something with the end of a channel that an object is.
///
/// # Errors
///
/// `ENOTCONN` for a Unix socket that is none yet, `ENOTSOCK` for anything else.
fn with_channel<R>(object: &Object, act: impl FnOnce(&Channel) -> io::Result<R>) -> io::Result<R> {
    match &object.kind {
        Kind::Channel(channel) => act(channel),
        Kind::Unix(socket) => match &*socket.connected.borrow() {
            Some(channel) => act(channel),
            None => os(libc::ENOTCONN),
        },
        _ => os(libc::ENOTSOCK),
    }
}

/// Is it a channel or a Unix socket?
pub(super) fn is_local(fd: c_int) -> bool {
    let kind = || Ok(matches!(descriptors::get(fd)?.kind, Kind::Channel(_) | Kind::Unix(_)));
    threads::at_kernel(kind).unwrap_or(false)
}

/// The name of a local socket, or of its peer.
///
/// # Safety
///
/// As `getsockname(2)`.
pub(super) unsafe fn name(
    fd: c_int,
    of_peer: bool,
    out: *mut sockaddr,
    length: *mut socklen_t,
) -> io::Result<c_int> {
    let name = threads::at_kernel(|| {
        let object = descriptors::get(fd)?;
        match &object.kind {
            Kind::Unix(socket) if !of_peer => return Ok(socket.name.borrow().clone()),
            _ => {}
        }
        with_channel(&object, |channel| {
            if !channel.is_socket {
                return os(libc::ENOTSOCK);
            }
            let name = if of_peer { &channel.peer } else { &channel.name };
            Ok(name.borrow().clone())
        })
    })?;
    // SAFETY: the caller vouches for the places.
    unsafe { write_name(name.as_deref(), out, length) };
    Ok(0)
}

pub(super) fn shut_down(fd: c_int, how: c_int) -> io::Result<c_int> {
    threads::at_kernel(|| {
        with_channel(&*descriptors::get(fd)?, |channel| {
            if !channel.is_socket {
                return os(libc::ENOTSOCK);
            }
            channel.shut_down(how);
            Ok(0)
        })
    })
}

/// Does something with a local descriptor, again and again until it need not wait.
pub(super) fn until_ready<R: Send>(
    fd: c_int,
    events: c_int,
    flags: c_int,
    mut act: impl FnMut(&Object) -> io::Result<R> + Send,
) -> io::Result<R> {
    loop {
        let act = &mut act;
        let (result, waits) = threads::at_kernel(move || {
            let object = descriptors::get(fd)?;
            let waits = !object.nonblocking.get() && flags & MSG_DONTWAIT == 0;
            Ok((act(&object), waits))
        })?;
        match &result {
            Err(error) if waits && error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return result,
        }
        threads::wait_for(&[(fd, events)], None)?;
    }
}

/// Reads what has come.
///
/// # Safety
///
/// The parts are valid.
pub(super) unsafe fn receive(fd: c_int, parts: &[iovec], flags: c_int) -> io::Result<ssize_t> {
    let wanted = parts.iter().map(|part| part.iov_len).sum();
    let data = until_ready(fd, EPOLLIN, flags, |object| {
        with_channel(object, |channel| match &channel.incoming {
            Some(flow) => flow.take(wanted, flags & MSG_PEEK != 0),
            None => os(libc::EBADF),
        })
    })?;
    // SAFETY: the caller vouches for the parts.
    Ok(signed(unsafe { scatter(&data, parts) }))
}

/// Writes what there is room for.
///
/// # Safety
///
/// The parts are valid.
pub(super) unsafe fn transmit(fd: c_int, parts: &[iovec], flags: c_int) -> io::Result<ssize_t> {
    let parts: Vec<&[u8]> = parts
        .iter()
        .filter(|part| part.iov_len > 0)
        // SAFETY: the caller vouches for each part.
        .map(|part| unsafe { std::slice::from_raw_parts(part.iov_base.cast(), part.iov_len) })
        .collect();
    let count = until_ready(fd, EPOLLOUT, flags, |object| {
        with_channel(object, |channel| match &channel.outgoing {
            Some(flow) => flow.put(&parts),
            None => os(libc::EBADF),
        })
    })?;
    Ok(count.cast_signed())
}

/// Opens two descriptors and writes them where the caller wants them.
///
/// # Safety
///
/// There is room for two at `out`.
unsafe fn open_two(
    one: Channel,
    other: Channel,
    flags: c_int,
    out: *mut c_int,
) -> io::Result<c_int> {
    let (first, second) = (open(one, flags)?, open(other, flags)?);
    // SAFETY: the caller vouches for the places.
    unsafe {
        out.write(first);
        out.add(1).write(second);
    }
    Ok(0)
}

/// Pointers that cross to the thread that has the descriptors, while their owner waits.
struct Lent(*mut c_int);

// SAFETY: the thread that lends it stands still until the call is over.
unsafe impl Send for Lent {}

impl Lent {
    fn get(&self) -> *mut c_int {
        self.0
    }
}

/// # Safety
///
/// As `socketpair(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn socketpair(
    domain: c_int,
    kind: c_int,
    protocol: c_int,
    out: *mut c_int,
) -> c_int {
    static NEXT: Next = Next::named("socketpair\0");
    if is_inside() {
        return answer(|| {
            if domain != libc::AF_UNIX {
                return os(libc::EOPNOTSUPP);
            }
            if kind & 0xf != libc::SOCK_STREAM || protocol != 0 {
                return os(libc::EPROTONOSUPPORT);
            }
            let out = Lent(out);
            threads::at_kernel(move || {
                let (one, other) = Channel::pair();
                // SAFETY: the caller vouches for the places.
                unsafe { open_two(one, other, kind & !0xf, out.get()) }
            })
        });
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(c_int, c_int, c_int, *mut c_int) -> c_int =
            std::mem::transmute(NEXT.get());
        next(domain, kind, protocol, out)
    }
}

/// Makes a pipe of the run.
///
/// # Safety
///
/// There is room for two descriptors at `out`.
unsafe fn make_pipe(out: *mut c_int, flags: c_int) -> io::Result<c_int> {
    let out = Lent(out);
    threads::at_kernel(move || {
        let flow = Flow::new(PIPE_BYTES);
        let reader = Channel::new(Some(Rc::clone(&flow)), None, false);
        // SAFETY: the caller vouches for the places.
        unsafe { open_two(reader, Channel::new(None, Some(flow), false), flags, out.get()) }
    })
}

/// # Safety
///
/// As `pipe(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pipe(out: *mut c_int) -> c_int {
    static NEXT: Next = Next::named("pipe\0");
    if is_inside() {
        // SAFETY: the places are the caller's.
        return answer(|| unsafe { make_pipe(out, 0) });
    }
    // SAFETY: this is libc's function of that name and type, and the argument is the caller's.
    unsafe {
        let next: unsafe extern "C" fn(*mut c_int) -> c_int = std::mem::transmute(NEXT.get());
        next(out)
    }
}

/// # Safety
///
/// As `pipe2(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pipe2(out: *mut c_int, flags: c_int) -> c_int {
    static NEXT: Next = Next::named("pipe2\0");
    if is_inside() {
        // SAFETY: the places are the caller's.
        return answer(|| unsafe { make_pipe(out, flags) });
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(*mut c_int, c_int) -> c_int =
            std::mem::transmute(NEXT.get());
        next(out, flags)
    }
}
