//! Bytes into and out of sockets, from wherever the caller has them.
//!
//! What a call on the real kernel would wait for, a thread of its own waits for in virtual time.
//! The thread of the run itself cannot: it is shared by all hosts.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    net::SocketAddr,
    rc::Rc,
};

use libc::{
    EPOLLIN, EPOLLOUT, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, c_int, c_void, iovec, msghdr, sockaddr,
    ssize_t,
};
use tokio::io::ReadBuf;

use super::{address, channels};
use crate::interpose::{
    answers::os,
    calls::parts::{parts_at, scatter, signed, slices},
    clocks::now,
    descriptors::{self, Kind, Object, Socket},
    lockstep::wait_for,
    threads::at_kernel,
};

/// Does something with a socket, on the thread that has the kernel.
pub(super) fn with_socket<R: Send>(
    fd: c_int,
    act: impl FnOnce(&Rc<Object>, &Socket) -> io::Result<R> + Send,
) -> io::Result<R> {
    at_kernel(|| {
        let object = descriptors::get(fd)?;
        match &object.kind {
            Kind::Socket(socket) => act(&object, socket),
            _ => os(libc::ENOTSOCK),
        }
    })
}

/// Does something with a socket, again and again until it need not wait for one of `events`.
pub(super) fn until_ready<R: Send>(
    fd: c_int,
    events: c_int,
    flags: c_int,
    mut act: impl FnMut(&Socket) -> io::Result<R> + Send,
) -> io::Result<R> {
    let mut until = None;
    loop {
        let act = &mut act;
        let (result, waits) = with_socket(fd, move |object, socket| {
            let limit = if events == EPOLLIN {
                socket.receive_timeout.get()
            } else {
                socket.send_timeout.get()
            };
            let waits = !object.nonblocking.get() && flags & MSG_DONTWAIT == 0;
            Ok((act(socket), waits.then_some(limit)))
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

/// Pointers that cross to the thread that has the kernel, while their owner waits.
#[derive(Clone, Copy)]
struct Lent<T>(T);

// SAFETY: the thread that lends them stands still until the call is over.
unsafe impl<T> Send for Lent<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Lent<T> {}

impl<T: Copy> Lent<T> {
    fn get(&self) -> T {
        self.0
    }
}

/// A place to receive into.
///
/// # Safety
///
/// There are `length` bytes at `start`, for as long as what is returned lives.
unsafe fn place<'a>(start: *mut c_void, length: usize) -> &'a mut [MaybeUninit<u8>] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: the caller vouches for them.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), length) }
}

/// What was received.
#[derive(Clone, Copy)]
pub(crate) struct Received {
    pub(crate) length: usize,
    /// How long the datagram was.
    whole: usize,
    pub(super) from: Option<SocketAddr>,
}

/// Receives into parts.
///
/// # Safety
///
/// The parts are valid.
pub(crate) unsafe fn receive(fd: c_int, parts: &[iovec], flags: c_int) -> io::Result<Received> {
    let peek = flags & MSG_PEEK != 0;
    let lent = Lent((parts.as_ptr(), parts.len()));
    let result = until_ready(fd, EPOLLIN, flags, move |socket| {
        let (parts, count) = lent.get();
        // SAFETY: they are the caller's, who waits.
        let parts = unsafe { parts_at(parts, count) }?;
        if socket.stream {
            // SAFETY: as above.
            unsafe { receive_stream(socket, parts, peek) }
        } else {
            // SAFETY: as above.
            unsafe { receive_datagram(socket, parts, peek) }
        }
    });
    if !is_no_socket(&result) {
        return result;
    }
    // SAFETY: the caller vouches for the parts.
    let length = unsafe { channels::receive(fd, parts, flags) }?.unsigned_abs();
    Ok(Received { length, whole: length, from: None })
}

/// Is it something else than a socket of the network?
pub(super) fn is_no_socket<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK))
}

/// # Safety
///
/// The parts are valid.
unsafe fn receive_stream(socket: &Socket, parts: &[iovec], peek: bool) -> io::Result<Received> {
    let mut length = 0;
    for part in parts {
        // SAFETY: the caller vouches for it.
        let mut buffer = ReadBuf::uninit(unsafe { place(part.iov_base, part.iov_len) });
        match socket.kernel.recv(socket.id, &mut buffer, peek) {
            Ok(()) => {}
            Err(_) if length > 0 => break,
            Err(error) => return Err(error),
        }
        let got = buffer.filled().len();
        length += got;
        // What was looked at is still there: the next part would show it again.
        if got < part.iov_len || peek {
            break;
        }
    }
    Ok(Received { length, whole: length, from: None })
}

/// # Safety
///
/// The parts are valid.
unsafe fn receive_datagram(socket: &Socket, parts: &[iovec], peek: bool) -> io::Result<Received> {
    let mut whole = [MaybeUninit::uninit(); 1 << 16];
    let mut buffer = ReadBuf::uninit(&mut whole);
    let from = socket.kernel.recv_from(socket.id, &mut buffer, peek)?;
    // SAFETY: the caller vouches for the parts.
    let length = unsafe { scatter(buffer.filled(), parts) };
    Ok(Received { length, whole: buffer.filled().len(), from: Some(from) })
}

/// What a call that receives returns: with `MSG_TRUNC`, the length of the whole datagram.
pub(super) fn received(found: Received, flags: c_int) -> ssize_t {
    signed(if flags & MSG_TRUNC != 0 { found.whole } else { found.length })
}

/// Sends parts, to `to` or to the peer.
///
/// # Safety
///
/// The parts are valid.
pub(crate) unsafe fn transmit(
    fd: c_int,
    parts: &[iovec],
    flags: c_int,
    to: Option<SocketAddr>,
) -> io::Result<ssize_t> {
    let lent = Lent((parts.as_ptr(), parts.len()));
    // A call that may wait sends all of it.
    let mut sent = 0;
    let result = until_ready(fd, EPOLLOUT, flags, |socket| {
        let (parts, count) = lent.get();
        // SAFETY: they are the caller's, who waits.
        let mut parts: Vec<IoSlice<'_>> =
            unsafe { slices(parts_at(parts, count)?) }.map(IoSlice::new).collect();
        if !socket.stream {
            let bytes = match &parts[..] {
                [] => Vec::new(),
                [one] => one.to_vec(),
                several => several.iter().flat_map(|part| part.iter().copied()).collect(),
            };
            return socket.kernel.send_to(socket.id, &bytes, to).map(|_| 0);
        }
        if to.is_some() && parts.is_empty() {
            return Ok(0);
        }
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut left = &mut parts[..];
        IoSlice::advance_slices(&mut left, sent);
        sent += socket.kernel.send(socket.id, left)?;
        if sent < total { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(0) }
    });
    if is_no_socket(&result) {
        // SAFETY: the caller vouches for the parts.
        return unsafe { channels::transmit(fd, parts, flags) };
    }
    match result {
        // Part of it is under way, and is what the call says.
        Err(_) if sent > 0 => Ok(signed(sent)),
        Err(error) => Err(error),
        Ok(_) if sent > 0 => Ok(signed(sent)),
        Ok(_) => Ok(signed(parts.iter().map(|part| part.iov_len).sum())),
    }
}

/// # Safety
///
/// The message is valid.
pub(super) unsafe fn receive_message(
    fd: c_int,
    message: &mut msghdr,
    flags: c_int,
) -> io::Result<ssize_t> {
    // SAFETY: the caller vouches for the message.
    let places = unsafe { parts_at(message.msg_iov, message.msg_iovlen) }?;
    // SAFETY: as above.
    let found = unsafe { receive(fd, places, flags) }?;
    match found.from {
        // SAFETY: as above.
        Some(from) => unsafe {
            address::write(from, message.msg_name.cast(), &raw mut message.msg_namelen);
        },
        None => message.msg_namelen = 0,
    }
    // Nothing is told beside the content.
    message.msg_controllen = 0;
    message.msg_flags = if found.whole > found.length { MSG_TRUNC } else { 0 };
    Ok(received(found, flags))
}

/// # Safety
///
/// The message is valid.
pub(super) unsafe fn send_message(
    fd: c_int,
    message: &msghdr,
    flags: c_int,
) -> io::Result<ssize_t> {
    // SAFETY: the caller vouches for the message.
    let places = unsafe { parts_at(message.msg_iov, message.msg_iovlen) }?;
    let name = message.msg_name.cast_const().cast::<sockaddr>();
    if message.msg_controllen > 0 && channels::is_local(fd) {
        // Descriptors cannot be handed over: a host has one process.
        return os(libc::EOPNOTSUPP);
    }
    // SAFETY: as above.
    let to = (!name.is_null()).then(|| unsafe { address::read(name, message.msg_namelen) });
    // SAFETY: as above.
    unsafe { transmit(fd, places, flags, to.transpose()?) }
}
