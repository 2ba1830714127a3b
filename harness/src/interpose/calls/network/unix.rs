//! The calls on Unix stream sockets: their names, listeners and connections, within a host.
//!
//! As on Linux, connecting needs nobody's help: the connection is there at once, and waits for the
//! listener to accept it. A name is a file on the disk of the host, unless it is abstract.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    rc::{Rc, Weak},
};

use libc::{EPOLLIN, c_int, sockaddr, socklen_t};

use super::channels::{open, until_ready};
use crate::interpose::{
    answers::{bad, os},
    calls::files::{ask, give_back, normal, status, working},
    clocks::now,
    descriptors::{self, Channel, Kind, Name, Object, UnixSocket, notify, write_name},
    kernel::{DiskAnswer, DiskRequest},
    lockstep::wait_for_address,
    threads::{at_kernel, kernel, wake_waiters},
};

/// `net.core.somaxconn`.
const SOMAXCONN: usize = 4096;

thread_local! {
    /// The sockets that have names.
    static NAMED: RefCell<BTreeMap<(u32, PathBuf), Weak<Object>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// The run is over.
pub(crate) fn forget() {
    NAMED.take();
}

/// A new Unix stream socket.
pub(super) fn socket(flags: c_int) -> io::Result<c_int> {
    at_kernel(|| {
        let process = kernel().ok_or_else(bad)?.device();
        let kind = Kind::Unix(UnixSocket::new(process));
        let nonblocking = flags & libc::SOCK_NONBLOCK != 0;
        descriptors::open(kind, nonblocking, flags & libc::SOCK_CLOEXEC != 0)
    })
}

/// The name in the address of a Unix socket; none if there is nothing in it.
///
/// # Safety
///
/// There are `length` bytes at `address`.
unsafe fn name(address: *const sockaddr, length: socklen_t) -> io::Result<Option<Name>> {
    const BEFORE: usize = size_of::<libc::sa_family_t>();
    let length = length as usize;
    if address.is_null() || length < BEFORE || length > size_of::<libc::sockaddr_un>() {
        return os(libc::EINVAL);
    }
    // SAFETY: the caller vouches for so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(address.cast::<u8>(), length) };
    let family = c_int::from(libc::sa_family_t::from_ne_bytes([bytes[0], bytes[1]]));
    if family != libc::AF_UNIX {
        return os(libc::EINVAL);
    }
    let given = &bytes[BEFORE..];
    let is_abstract = match given.first() {
        None => return Ok(None),
        Some(first) => *first == 0,
    };
    // An abstract name may have zeros in it.
    let end = if is_abstract { None } else { given.iter().position(|byte| *byte == 0) };
    let given = given[..end.unwrap_or(given.len())].to_vec();
    let path = Path::new(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&given));
    let place = match is_abstract {
        true => path.to_owned(),
        false => normal(&working()?.join(path)),
    };
    Ok(Some(Name { given, place }))
}

fn with_unix<R: Send>(
    fd: c_int,
    act: impl FnOnce(&Rc<Object>, &UnixSocket) -> io::Result<R> + Send,
) -> io::Result<R> {
    at_kernel(|| {
        let object = descriptors::get(fd)?;
        match &object.kind {
            Kind::Unix(socket) => act(&object, socket),
            _ => os(libc::EINVAL),
        }
    })
}

/// A name that nobody has, for a socket that is to have any: five digits, as on Linux.
fn unused(process: u32) -> io::Result<Name> {
    for number in 0..1_u32 << 20 {
        let given = format!("\0{number:05x}").into_bytes();
        let place = PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&given));
        if !is_taken(&(process, place.clone())) {
            return Ok(Name { given, place });
        }
    }
    os(libc::ENOSPC)
}

fn is_taken(key: &(u32, PathBuf)) -> bool {
    NAMED.with_borrow(|named| named.get(key).is_some_and(|other| other.strong_count() > 0))
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
    let name = unsafe { name(address, length) }?;
    with_unix(fd, |_, socket| match &*socket.name.borrow() {
        Some(_) if name.is_some() => os(libc::EINVAL),
        _ => Ok(()),
    })?;
    if let Some(name) = name.as_ref().filter(|name| !name.is_abstract()) {
        let request = DiskRequest::Open {
            path: name.place.clone(),
            read: true,
            write: true,
            truncate: false,
            create: true,
            create_new: true,
        };
        match ask(request) {
            Ok(DiskAnswer::Number(file)) => give_back(file)?,
            Ok(_) => return os(libc::EIO),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return os(libc::EADDRINUSE);
            }
            Err(error) => return Err(error),
        }
    }
    with_unix(fd, |object, socket| {
        let name = match name {
            Some(name) => name,
            None if socket.name.borrow().is_some() => return Ok(0),
            None => unused(socket.process)?,
        };
        let key = (socket.process, name.place.clone());
        if name.is_abstract() && is_taken(&key) {
            return os(libc::EADDRINUSE);
        }
        socket.name.replace(Some(name));
        NAMED.with_borrow_mut(|named| drop(named.insert(key, Rc::downgrade(object))));
        Ok(0)
    })
}

pub(super) fn listen(fd: c_int, backlog: c_int) -> io::Result<c_int> {
    with_unix(fd, |_, socket| {
        if socket.name.borrow().is_none() {
            return os(libc::EINVAL);
        }
        let most = usize::try_from(backlog).unwrap_or(usize::MAX).min(SOMAXCONN);
        socket.backlog.set(Some(most));
        wake_waiters(socket.door(), usize::MAX);
        Ok(0)
    })
}

/// What an attempt to connect comes to.
enum Attempt {
    Done,
    /// The backlog is full: it waits at this door, at most for so long.
    Waits {
        door: usize,
        limit: u64,
    },
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
    let Some(name) = unsafe { name(address, length) }? else { return os(libc::EINVAL) };
    if !name.is_abstract() {
        status(DiskRequest::StatusAt { path: name.place.clone() })?;
    }
    let mut until = None;
    loop {
        let (door, limit) = match attempt(fd, &name)? {
            Attempt::Done => return Ok(0),
            Attempt::Waits { door, limit } => (door, limit),
        };
        if limit > 0 && until.is_none() {
            until = Some(now() + limit);
        }
        if !wait_for_address("a connection to be accepted", door, until, || false) {
            return os(libc::EAGAIN);
        }
    }
}

fn attempt(fd: c_int, name: &Name) -> io::Result<Attempt> {
    with_unix(fd, |object, socket| {
        if socket.backlog.get().is_some() {
            return os(libc::EINVAL);
        }
        if socket.connected.borrow().is_some() {
            return os(libc::EISCONN);
        }
        let key = (socket.process, name.place.clone());
        let listener = NAMED.with_borrow(|named| named.get(&key).and_then(Weak::upgrade));
        let Some(listener) = listener else { return os(libc::ECONNREFUSED) };
        let Kind::Unix(of) = &listener.kind else { return os(libc::ECONNREFUSED) };
        let Some(backlog) = of.backlog.get() else { return os(libc::ECONNREFUSED) };
        if of.waiting.borrow().len() > backlog {
            if object.nonblocking.get() {
                return os(libc::EAGAIN);
            }
            return Ok(Attempt::Waits { door: of.door(), limit: socket.timeouts.send.get() });
        }
        let (here, there) = Channel::pair();
        here.name.replace(socket.name.borrow().clone());
        here.peer.replace(of.name.borrow().clone());
        there.name.replace(of.name.borrow().clone());
        there.peer.replace(socket.name.borrow().clone());
        here.join(object.number);
        socket.connected.replace(Some(here));
        of.waiting.borrow_mut().push_back(there);
        notify(listener.number);
        Ok(Attempt::Done)
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
        wake_waiters(socket.door(), usize::MAX);
        let peer = channel.peer.borrow().clone();
        Ok((open(channel, flags)?, peer))
    })?;
    // SAFETY: the caller vouches for the places.
    unsafe { write_name(peer.as_ref(), out, length) };
    Ok(accepted)
}
