//! Pipes, pairs of sockets and connections of Unix sockets: bytes between two descriptors of one host.

use std::{
    io::{self, IoSlice},
    rc::Rc,
};

use libc::{EPOLLIN, EPOLLOUT, MSG_DONTWAIT, MSG_PEEK, c_int, iovec, sockaddr, socklen_t, ssize_t};

use super::options;
use crate::interpose::{
    answers::{answer, os},
    calls::parts::{scatter, signed, slices},
    clocks::now,
    descriptors::{self, Channel, Flow, Kind, Object, Timeouts, write_name},
    lockstep::wait_for,
    real::Next,
    threads::{at_kernel, is_inside},
};

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
    at_kernel(kind).unwrap_or(false)
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
    let name = at_kernel(|| {
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
    unsafe { write_name(name.as_ref(), out, length) };
    Ok(0)
}

/// Sets an option of a socket within a host. Only how long calls wait has an effect.
pub(super) fn set_option(fd: c_int, level: c_int, name: c_int, value: &[u8]) -> io::Result<c_int> {
    at_kernel(|| {
        let timeouts = &*descriptors::get(fd)?;
        let Some(timeouts) = timeouts_of(timeouts) else { return os(libc::ENOTSOCK) };
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO) => timeouts.receive.set(options::time(value)?),
            (libc::SOL_SOCKET, libc::SO_SNDTIMEO) => timeouts.send.set(options::time(value)?),
            (libc::SOL_SOCKET, _) => {}
            _ => return os(libc::EOPNOTSUPP),
        }
        Ok(0)
    })
}

/// An option of such a socket.
pub(super) fn option(fd: c_int, level: c_int, name: c_int) -> io::Result<options::Value> {
    at_kernel(|| {
        let object = descriptors::get(fd)?;
        let Some(timeouts) = timeouts_of(&object) else { return os(libc::ENOTSOCK) };
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO) => Ok(options::timeval(timeouts.receive.get())),
            (libc::SOL_SOCKET, libc::SO_SNDTIMEO) => Ok(options::timeval(timeouts.send.get())),
            (libc::SOL_SOCKET, libc::SO_ACCEPTCONN) => {
                let listens = matches!(&object.kind, Kind::Unix(socket) if socket.listens());
                Ok(options::Value::Int(c_int::from(listens)))
            }
            _ => options::of_local(level, name),
        }
    })
}

/// How long calls on a socket within a host wait; `None` if it is none.
fn timeouts_of(object: &Object) -> Option<&Timeouts> {
    match &object.kind {
        Kind::Channel(channel) => channel.is_socket.then_some(&channel.timeouts),
        Kind::Unix(socket) => Some(&socket.timeouts),
        _ => None,
    }
}

/// How many bytes could be read at once.
pub(super) fn pending(fd: c_int) -> io::Result<usize> {
    at_kernel(|| {
        with_channel(&*descriptors::get(fd)?, |channel| {
            Ok(channel.incoming.as_ref().map_or(0, |flow| flow.len()))
        })
    })
}

pub(super) fn shut_down(fd: c_int, how: c_int) -> io::Result<c_int> {
    at_kernel(|| {
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
    let mut until = None;
    loop {
        let act = &mut act;
        let (result, waits) = at_kernel(move || {
            let object = descriptors::get(fd)?;
            let limit = timeouts_of(&object).map_or(0, |timeouts| {
                if events == EPOLLIN { timeouts.receive.get() } else { timeouts.send.get() }
            });
            let waits = !object.nonblocking.get() && flags & MSG_DONTWAIT == 0;
            Ok((act(&object), waits.then_some(limit)))
        })?;
        let Some(limit) = waits
            .filter(|_| matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock))
        else {
            return result;
        };
        if limit > 0 && until.is_none() {
            until = Some(now() + limit);
        }
        if !wait_for(&[(fd, events)], until)? {
            return os(libc::EAGAIN);
        }
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

/// Writes what there is room for, and all of it if it may wait.
///
/// # Safety
///
/// The parts are valid.
pub(super) unsafe fn transmit(fd: c_int, parts: &[iovec], flags: c_int) -> io::Result<ssize_t> {
    // SAFETY: the caller vouches for the parts.
    let parts: Vec<IoSlice<'_>> = unsafe { slices(parts) }.map(IoSlice::new).collect();
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let mut sent = 0;
    let result = until_ready(fd, EPOLLOUT, flags, |object| {
        with_channel(object, |channel| {
            let Some(flow) = &channel.outgoing else { return os(libc::EBADF) };
            let mut parts = parts.clone();
            let mut left = &mut parts[..];
            IoSlice::advance_slices(&mut left, sent);
            sent += flow.put(left)?;
            if sent < total { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        })
    });
    match result {
        // Part of it is under way, and is what the call says.
        Err(error) if sent == 0 => Err(error),
        _ => Ok(signed(sent)),
    }
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
            at_kernel(move || {
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
    at_kernel(move || {
        let flow = Flow::of_pipe();
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
