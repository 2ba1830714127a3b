//! Unix stream sockets: their names, listeners and connections, within a host.
//!
//! As on Linux, connecting needs nobody's help: the connection is there at once, and waits for the
//! listener to accept it. A name is a file on the disk of the host, unless it is abstract.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
    rc::{Rc, Weak},
};

use libc::{EPOLLIN, EPOLLOUT, c_int, sockaddr, socklen_t};

use super::{
    calls::os,
    channels::{Channel, open, until_ready},
    descriptors::{self, Kind, Object},
    disk::{DiskAnswer, DiskRequest},
    files::{self, ask, status},
    polling, threads,
};

/// A Unix socket: new, a listener, or connected by itself.
pub(super) struct UnixSocket {
    /// Of which process it is.
    process: u32,
    pub(super) name: RefCell<Option<PathBuf>>,
    pub(super) connected: RefCell<Option<Channel>>,
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
    static NAMED: RefCell<BTreeMap<(u32, PathBuf), Weak<Object>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The run is over.
pub(super) fn forget() {
    NAMED.take();
}

/// A new Unix stream socket.
pub(super) fn socket(flags: c_int) -> io::Result<c_int> {
    threads::at_kernel(|| {
        let process = super::kernel().ok_or_else(descriptors::bad)?.device();
        let kind = Kind::Unix(UnixSocket {
            process,
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
pub(super) unsafe fn write_name(name: Option<&Path>, out: *mut sockaddr, length: *mut socklen_t) {
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
            Ok(DiskAnswer::Number(file)) => files::give_back(file)?,
            Ok(_) => return os(libc::EIO),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return os(libc::EADDRINUSE);
            }
            Err(error) => return Err(error),
        }
    }
    with_unix(fd, |object, socket| {
        let key = (socket.process, path.clone());
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
        let key = (socket.process, path.clone());
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
