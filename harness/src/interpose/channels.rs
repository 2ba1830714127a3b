//! Pipes, pairs of sockets and Unix stream sockets: bytes between two descriptors of one host.
//!
//! As on Linux, connecting to a Unix socket needs nobody's help: the connection is there at once, and
//! waits for the listener to accept it. Capacities are Linux's (`pipe(7)`, `net.core.wmem_default`).

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
    rc::{Rc, Weak},
};

use libc::{EPOLLIN, EPOLLOUT, MSG_DONTWAIT, MSG_PEEK, c_int, iovec, sockaddr, socklen_t, ssize_t};

use super::{
    Next,
    calls::{answer, os},
    descriptors::{self, Kind, Object},
    disk::{DiskAnswer, DiskRequest},
    files::{ask, status},
    is_inside, polling, threads,
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
    name: RefCell<Option<PathBuf>>,
    peer: RefCell<Option<PathBuf>>,
}

impl Channel {
    fn new(incoming: Option<Rc<Flow>>, outgoing: Option<Rc<Flow>>, is_socket: bool) -> Self {
        let (name, peer) = (RefCell::default(), RefCell::default());
        Self { incoming, outgoing, is_socket, name, peer }
    }

    /// Both ends of a pair of connected sockets.
    fn pair() -> (Self, Self) {
        let (one, other) = (Flow::new(SOCKET_BYTES), Flow::new(SOCKET_BYTES));
        let first = Self::new(Some(Rc::clone(&one)), Some(Rc::clone(&other)), true);
        (first, Self::new(Some(other), Some(one), true))
    }

    /// From now on its object is told what happens at the other end.
    fn join(&self, number: u32) {
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

/// A Unix socket: new, a listener, or connected by itself.
pub(super) struct UnixSocket {
    host: u16,
    name: RefCell<Option<PathBuf>>,
    connected: RefCell<Option<Channel>>,
    /// Connections that nobody has accepted, and how many there may be.
    waiting: RefCell<VecDeque<Channel>>,
    backlog: Cell<Option<usize>>,
}

impl UnixSocket {
    pub(super) fn mask(&self) -> c_int {
        if let Some(channel) = &*self.connected.borrow() {
            return channel.mask();
        }
        match self.backlog.get() {
            Some(_) if self.waiting.borrow().is_empty() => 0,
            Some(_) => EPOLLIN | libc::EPOLLRDNORM,
            None => EPOLLOUT | libc::EPOLLHUP,
        }
    }
}

thread_local! {
    /// The sockets that have names.
    static NAMED: RefCell<BTreeMap<(u16, PathBuf), Weak<Object>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The run is over.
pub(super) fn forget() {
    NAMED.take();
}

fn open(channel: Channel, flags: c_int) -> io::Result<c_int> {
    let nonblocking = flags & (libc::SOCK_NONBLOCK | libc::O_NONBLOCK) != 0;
    let fd = descriptors::open(Kind::Channel(channel), nonblocking, flags & libc::O_CLOEXEC != 0)?;
    let object = descriptors::get(fd)?;
    if let Kind::Channel(channel) = &object.kind {
        channel.join(object.number);
    }
    Ok(fd)
}

/// A new Unix stream socket.
pub(super) fn socket(flags: c_int) -> io::Result<c_int> {
    threads::at_kernel(|| {
        let host = super::kernel().ok_or_else(descriptors::bad)?.host();
        let kind = Kind::Unix(UnixSocket {
            host,
            name: RefCell::default(),
            connected: RefCell::default(),
            waiting: RefCell::default(),
            backlog: Cell::new(None),
        });
        let nonblocking = flags & libc::SOCK_NONBLOCK != 0;
        descriptors::open(kind, nonblocking, flags & libc::SOCK_CLOEXEC != 0)
    })
}

/// The path in the address of a Unix socket.
///
/// # Safety
///
/// There are `length` bytes at `address`.
unsafe fn path(address: *const sockaddr, length: socklen_t) -> io::Result<PathBuf> {
    const BEFORE: usize = size_of::<libc::sa_family_t>();
    let length = length as usize;
    if address.is_null() || length < BEFORE || length > size_of::<libc::sockaddr_un>() {
        return os(libc::EINVAL);
    }
    // SAFETY: the caller vouches for so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(address.cast::<u8>(), length) };
    let name = &bytes[BEFORE..];
    // An abstract name begins with a zero, and is told apart from a path by it.
    let end = match name.first() {
        Some(0) => name.len(),
        _ => name.iter().position(|byte| *byte == 0).unwrap_or(name.len()),
    };
    let name = std::os::unix::ffi::OsStrExt::from_bytes(&name[..end]);
    Ok(Path::new("/").join(Path::new::<std::ffi::OsStr>(name)))
}

fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().contains(&0)
}

/// Writes the address of a Unix socket, as far as there is room.
///
/// # Safety
///
/// The places are null or the caller's.
unsafe fn write_name(name: Option<&Path>, out: *mut sockaddr, length: *mut socklen_t) {
    if out.is_null() || length.is_null() {
        return;
    }
    let mut bytes = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or(0).to_ne_bytes().to_vec();
    if let Some(name) = name {
        bytes.extend(name.as_os_str().as_encoded_bytes());
        bytes.push(0);
    }
    // SAFETY: no more is written than there is room for.
    unsafe {
        let room = (*length as usize).min(bytes.len());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast(), room);
        *length = socklen_t::try_from(bytes.len()).unwrap_or(0);
    }
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

fn with_unix<R: Send>(
    fd: c_int,
    act: impl FnOnce(&Rc<Object>, &UnixSocket) -> io::Result<R> + Send,
) -> io::Result<R> {
    threads::at_kernel(|| {
        let object = descriptors::get(fd)?;
        match &object.kind {
            Kind::Unix(socket) => act(&object, socket),
            _ => os(libc::EINVAL),
        }
    })
}

/// Gives a Unix socket a name, which is a file on the disk of the host unless it is abstract.
///
/// # Safety
///
/// As `bind(2)`.
pub(super) unsafe fn bind(
    fd: c_int,
    address: *const sockaddr,
    length: socklen_t,
) -> io::Result<c_int> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { path(address, length) }?;
    if !is_abstract(&path) {
        let request = DiskRequest::Open {
            path: path.clone(),
            read: true,
            write: true,
            truncate: false,
            create: true,
            create_new: true,
        };
        match ask(request) {
            Ok(DiskAnswer::Number(file)) => drop(ask(DiskRequest::Close { file })?),
            Ok(_) => return os(libc::EIO),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return os(libc::EADDRINUSE);
            }
            Err(error) => return Err(error),
        }
    }
    with_unix(fd, |object, socket| {
        let key = (socket.host, path.clone());
        let is_taken = NAMED
            .with_borrow(|named| named.get(&key).is_some_and(|other| other.strong_count() > 0));
        if is_taken && is_abstract(&path) {
            return os(libc::EADDRINUSE);
        }
        socket.name.replace(Some(path));
        NAMED.with_borrow_mut(|named| drop(named.insert(key, Rc::downgrade(object))));
        Ok(0)
    })
}

pub(super) fn listen(fd: c_int, backlog: c_int) -> io::Result<c_int> {
    with_unix(fd, |_, socket| {
        if socket.name.borrow().is_none() {
            return os(libc::EINVAL);
        }
        socket.backlog.set(Some(usize::try_from(backlog).unwrap_or(usize::MAX).max(1)));
        Ok(0)
    })
}

/// Connects a Unix socket to the listener of that name: its descriptor is an end of the connection
/// from then on.
///
/// # Safety
///
/// As `connect(2)`.
pub(super) unsafe fn connect(
    fd: c_int,
    address: *const sockaddr,
    length: socklen_t,
) -> io::Result<c_int> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { path(address, length) }?;
    if !is_abstract(&path) {
        status(DiskRequest::StatusAt { path: path.clone() })?;
    }
    with_unix(fd, |object, socket| {
        if socket.backlog.get().is_some() {
            return os(libc::EINVAL);
        }
        if socket.connected.borrow().is_some() {
            return os(libc::EISCONN);
        }
        let key = (socket.host, path.clone());
        let listener = NAMED.with_borrow(|named| named.get(&key).and_then(Weak::upgrade));
        let Some(listener) = listener else { return os(libc::ECONNREFUSED) };
        let Kind::Unix(of) = &listener.kind else { return os(libc::ECONNREFUSED) };
        let Some(backlog) = of.backlog.get() else { return os(libc::ECONNREFUSED) };
        if of.waiting.borrow().len() > backlog {
            return os(libc::EAGAIN);
        }
        let (here, there) = Channel::pair();
        here.name.replace(socket.name.borrow().clone());
        here.peer.replace(Some(path.clone()));
        there.name.replace(Some(path));
        there.peer.replace(socket.name.borrow().clone());
        here.join(object.number);
        socket.connected.replace(Some(here));
        of.waiting.borrow_mut().push_back(there);
        polling::notify(listener.number);
        Ok(0)
    })
}

/// Takes a connection from a Unix listener.
///
/// # Safety
///
/// As `accept4(2)`.
pub(super) unsafe fn accept(
    fd: c_int,
    out: *mut sockaddr,
    length: *mut socklen_t,
    flags: c_int,
) -> io::Result<c_int> {
    let (accepted, peer) = until_ready(fd, EPOLLIN, 0, |object| {
        let Kind::Unix(socket) = &object.kind else { return os(libc::EINVAL) };
        if socket.backlog.get().is_none() {
            return os(libc::EINVAL);
        }
        let next = socket.waiting.borrow_mut().pop_front();
        let channel = next.ok_or(io::ErrorKind::WouldBlock)?;
        let peer = channel.peer.borrow().clone();
        Ok((open(channel, flags)?, peer))
    })?;
    // SAFETY: the caller vouches for the places.
    unsafe { write_name(peer.as_deref(), out, length) };
    Ok(accepted)
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
fn until_ready<R: Send>(
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
    let mut left = data.as_slice();
    for part in parts {
        let (now, later) = left.split_at(left.len().min(part.iov_len));
        if !now.is_empty() {
            // SAFETY: the caller vouches for the part, in which there is room for them.
            unsafe { std::ptr::copy_nonoverlapping(now.as_ptr(), part.iov_base.cast(), now.len()) };
        }
        left = later;
    }
    Ok(data.len().cast_signed())
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
