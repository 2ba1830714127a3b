//! The calls of libc on sockets, answered by the kernel of the host whose code runs.

use std::{io, net::Shutdown, rc::Rc};

use libc::{
    EPOLLIN, EPOLLOUT, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, c_int,
    c_uint, c_ulong, c_void, iovec, mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t,
    timespec,
};

use super::{
    address, channels, options,
    transfer::{
        is_no_socket, receive, receive_message, received, send_message, transmit, until_ready,
        with_socket,
    },
    unix,
};
use crate::interpose::{
    answers::{answer, bad, os},
    descriptors::{self, Kind, Socket, on_descriptors},
    lockstep::wait_for,
    real::Next,
    refusal,
    threads::{at_kernel, is_inside, kernel},
};

/// # Safety
///
/// As `socket(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    static NEXT: Next = Next::named("socket\0");
    let (base, flags) = (kind & 0xf, kind & !0xf);
    if matches!(domain, libc::AF_INET | libc::AF_INET6) && is_inside() {
        return answer(|| {
            let stream = match (base, protocol) {
                (SOCK_STREAM, 0 | libc::IPPROTO_TCP) => true,
                (SOCK_DGRAM, 0 | libc::IPPROTO_UDP) => false,
                (SOCK_STREAM | SOCK_DGRAM, _) => return os(libc::EPROTONOSUPPORT),
                // Raw sockets need rights that a service does not have.
                (libc::SOCK_RAW, _) => return os(libc::EPERM),
                _ => return os(libc::EINVAL),
            };
            at_kernel(|| {
                let kernel = kernel().ok_or_else(bad)?;
                let v6 = domain == libc::AF_INET6;
                let id = kernel.socket(stream, v6)?;
                let socket = Socket::new(kernel, id, stream, v6);
                let (nonblocking, cloexec) =
                    (flags & SOCK_NONBLOCK != 0, flags & SOCK_CLOEXEC != 0);
                descriptors::open(Kind::Socket(socket), nonblocking, cloexec)
            })
        });
    }
    if is_inside() {
        if domain == libc::AF_UNIX && base == SOCK_STREAM && protocol == 0 {
            return answer(|| unix::socket(flags));
        }
        return answer(|| Err(refusal::no_socket(domain)));
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(c_int, c_int, c_int) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(domain, kind, protocol) }
}

/// Takes a connection from a listener.
///
/// # Safety
///
/// As `accept(2)`.
unsafe fn take(
    fd: c_int,
    out: *mut sockaddr,
    length: *mut socklen_t,
    flags: c_int,
) -> io::Result<c_int> {
    let result = until_ready(fd, EPOLLIN, 0, move |listener| {
        let (id, peer) = listener.kernel.accept(listener.id)?;
        let socket = Socket::new(Rc::clone(&listener.kernel), id, true, listener.v6);
        let (nonblocking, cloexec) = (flags & SOCK_NONBLOCK != 0, flags & SOCK_CLOEXEC != 0);
        Ok((descriptors::open(Kind::Socket(socket), nonblocking, cloexec)?, peer))
    });
    if is_no_socket(&result) {
        // SAFETY: the caller vouches for the places.
        return unsafe { unix::accept(fd, out, length, flags) };
    }
    let (accepted, peer) = result?;
    // SAFETY: the caller vouches for the places.
    unsafe { address::write(peer, out, length) };
    Ok(accepted)
}

on_descriptors! {
    /// `bind(2)`
    fn bind(fd, address: *const sockaddr, length: socklen_t) -> c_int {
        if channels::is_local(fd) {
            // SAFETY: the caller vouches for the address.
            return unsafe { unix::bind(fd, address, length) };
        }
        // SAFETY: the caller vouches for the address.
        let address = unsafe { address::read(address, length) }?;
        with_socket(fd, move |_, socket| socket.kernel.bind(socket.id, address).map(|()| 0))
    }

    /// `listen(2)`
    fn listen(fd, backlog: c_int) -> c_int {
        // A negative one is as large as it can be, as on Linux.
        if channels::is_local(fd) {
            return unix::listen(fd, backlog);
        }
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX);
        with_socket(fd, move |_, socket| socket.kernel.listen(socket.id, backlog).map(|()| 0))
    }

    /// `connect(2)`
    fn connect(fd, address: *const sockaddr, length: socklen_t) -> c_int {
        if channels::is_local(fd) {
            // SAFETY: the caller vouches for the address.
            return unsafe { unix::connect(fd, address, length) };
        }
        // SAFETY: the caller vouches for the address.
        let address = match unsafe { address::read(address, length) } {
            Ok(address) => Some(address),
            // An unspecified family takes the peer of a datagram socket away.
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => None,
            Err(error) => return Err(error),
        };
        let waits = with_socket(fd, move |object, socket| {
            let address = match address {
                Some(address) => address,
                None if socket.stream => return os(libc::EAFNOSUPPORT),
                None => return socket.kernel.disconnect(socket.id).map(|()| false),
            };
            socket.kernel.connect(socket.id, address)?;
            match (socket.stream, object.nonblocking.get()) {
                (false, _) => Ok(false),
                (true, true) => os(libc::EINPROGRESS),
                (true, false) => Ok(true),
            }
        })?;
        if waits {
            wait_for(&[(fd, EPOLLOUT)], None)?;
            with_socket(fd, |_, socket| match socket.kernel.take_error(socket.id)? {
                Some(error) => Err(error),
                None => Ok(()),
            })?;
        }
        Ok(0)
    }

    /// `accept(2)`
    fn accept(fd, out: *mut sockaddr, length: *mut socklen_t) -> c_int {
        // SAFETY: the caller vouches for the places.
        unsafe { take(fd, out, length, 0) }
    }

    /// `accept4(2)`
    fn accept4(fd, out: *mut sockaddr, length: *mut socklen_t, flags: c_int) -> c_int {
        // SAFETY: the caller vouches for the places.
        unsafe { take(fd, out, length, flags) }
    }

    /// `recv(2)`
    fn recv(fd, bytes: *mut c_void, count: size_t, flags: c_int) -> ssize_t {
        let part = iovec { iov_base: bytes, iov_len: count };
        // SAFETY: the caller vouches for the bytes.
        unsafe { receive(fd, &[part], flags) }.map(|found| received(found, flags))
    }

    /// `recvfrom(2)`
    fn recvfrom(
        fd,
        bytes: *mut c_void,
        count: size_t,
        flags: c_int,
        out: *mut sockaddr,
        length: *mut socklen_t,
    ) -> ssize_t {
        let part = iovec { iov_base: bytes, iov_len: count };
        // SAFETY: the caller vouches for the bytes.
        let found = unsafe { receive(fd, &[part], flags) }?;
        match found.from {
            // SAFETY: the caller vouches for the places.
            Some(from) => unsafe { address::write(from, out, length) },
            // SAFETY: as above.
            None if !length.is_null() => unsafe { *length = 0 },
            None => {}
        }
        Ok(received(found, flags))
    }

    /// `recvmsg(2)`
    fn recvmsg(fd, message: *mut msghdr, flags: c_int) -> ssize_t {
        // SAFETY: the caller vouches for the message.
        unsafe { receive_message(fd, &mut *message, flags) }
    }

    /// `recvmmsg(2)`
    fn recvmmsg(
        fd,
        messages: *mut mmsghdr,
        count: c_uint,
        flags: c_int,
        timeout: *mut timespec,
    ) -> c_int {
        // The documentation calls the timeout broken; it is looked at between messages only.
        let _ = timeout;
        let mut taken = 0;
        while taken < count {
            // After the first one it waits no more.
            let wait = if taken > 0 { MSG_DONTWAIT } else { 0 };
            // SAFETY: the caller vouches for so many messages.
            let next = unsafe { &mut *messages.add(taken as usize) };
            // SAFETY: as above.
            match unsafe { receive_message(fd, &mut next.msg_hdr, flags | wait) } {
                Ok(length) => next.msg_len = c_uint::try_from(length).unwrap_or(0),
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
            taken += 1;
        }
        Ok(taken.cast_signed())
    }

    /// `send(2)`
    fn send(fd, bytes: *const c_void, count: size_t, flags: c_int) -> ssize_t {
        let part = iovec { iov_base: bytes.cast_mut(), iov_len: count };
        // SAFETY: the caller vouches for the bytes.
        unsafe { transmit(fd, &[part], flags, None) }
    }

    /// `sendto(2)`
    fn sendto(
        fd,
        bytes: *const c_void,
        count: size_t,
        flags: c_int,
        to: *const sockaddr,
        length: socklen_t,
    ) -> ssize_t {
        let part = iovec { iov_base: bytes.cast_mut(), iov_len: count };
        // SAFETY: the caller vouches for the address.
        let to = (!to.is_null()).then(|| unsafe { address::read(to, length) }).transpose()?;
        // SAFETY: the caller vouches for the bytes.
        unsafe { transmit(fd, &[part], flags, to) }
    }

    /// `sendmsg(2)`
    fn sendmsg(fd, message: *const msghdr, flags: c_int) -> ssize_t {
        // SAFETY: the caller vouches for the message.
        unsafe { send_message(fd, &*message, flags) }
    }

    /// `sendmmsg(2)`
    fn sendmmsg(fd, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int {
        let mut sent = 0;
        while sent < count {
            // SAFETY: the caller vouches for so many messages.
            let next = unsafe { &mut *messages.add(sent as usize) };
            // SAFETY: as above.
            match unsafe { send_message(fd, &next.msg_hdr, flags) } {
                Ok(length) => next.msg_len = c_uint::try_from(length).unwrap_or(0),
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error),
            }
            sent += 1;
        }
        Ok(sent.cast_signed())
    }

    /// `shutdown(2)`
    fn shutdown(fd, number: c_int) -> c_int {
        let how = match number {
            libc::SHUT_RD => Shutdown::Read,
            libc::SHUT_WR => Shutdown::Write,
            libc::SHUT_RDWR => Shutdown::Both,
            _ => return os(libc::EINVAL),
        };
        let result =
            with_socket(fd, move |_, socket| socket.kernel.shutdown(socket.id, how).map(|()| 0));
        if is_no_socket(&result) { channels::shut_down(fd, number) } else { result }
    }

    /// `getsockname(2)`
    fn getsockname(fd, out: *mut sockaddr, length: *mut socklen_t) -> c_int {
        let own = with_socket(fd, |_, socket| socket.kernel.local_addr(socket.id));
        if is_no_socket(&own) {
            // SAFETY: the caller vouches for the places.
            return unsafe { channels::name(fd, false, out, length) };
        }
        let own = own?;
        // SAFETY: the caller vouches for the places.
        unsafe { address::write(own, out, length) };
        Ok(0)
    }

    /// `getpeername(2)`
    fn getpeername(fd, out: *mut sockaddr, length: *mut socklen_t) -> c_int {
        let peer = with_socket(fd, |_, socket| socket.kernel.peer_addr(socket.id));
        if is_no_socket(&peer) {
            // SAFETY: the caller vouches for the places.
            return unsafe { channels::name(fd, true, out, length) };
        }
        let peer = peer?;
        // SAFETY: the caller vouches for the places.
        unsafe { address::write(peer, out, length) };
        Ok(0)
    }

    /// `setsockopt(2)`
    fn setsockopt(
        fd,
        level: c_int,
        name: c_int,
        value: *const c_void,
        length: socklen_t,
    ) -> c_int {
        let length = length as usize;
        if value.is_null() || length > 64 {
            return os(libc::EINVAL);
        }
        // SAFETY: the caller vouches for the bytes.
        let value = unsafe { std::slice::from_raw_parts(value.cast::<u8>(), length) };
        let result =
            with_socket(fd, move |_, socket| options::set(socket, level, name, value).map(|()| 0));
        if is_no_socket(&result) && channels::is_local(fd) {
            channels::set_option(fd, level, name, value)
        } else {
            result
        }
    }

    /// `getsockopt(2)`
    fn getsockopt(
        fd,
        level: c_int,
        name: c_int,
        value: *mut c_void,
        length: *mut socklen_t,
    ) -> c_int {
        let found = with_socket(fd, move |_, socket| options::get(socket, level, name));
        let found = if is_no_socket(&found) && channels::is_local(fd) {
            channels::option(fd, level, name)?
        } else {
            found?
        };
        let bytes = found.bytes();
        // SAFETY: the caller vouches for the places; no more is written than there is room for.
        unsafe {
            let room = (*length as usize).min(bytes.len());
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), value.cast(), room);
            *length = socklen_t::try_from(room).unwrap_or(0);
        }
        Ok(0)
    }

    /// `ioctl(2)`
    fn ioctl(fd, request: c_ulong, argument: *mut c_int) -> c_int {
        match request {
            libc::FIONBIO => {
                // SAFETY: this request has a number there.
                let on = unsafe { argument.read_unaligned() } != 0;
                at_kernel(|| {
                    descriptors::get(fd)?.nonblocking.set(on);
                    Ok(0)
                })
            }
            libc::FIONREAD => {
                let pending = with_socket(fd, |_, socket| socket.kernel.pending(socket.id));
                let pending = if is_no_socket(&pending) { channels::pending(fd) } else { pending };
                let pending = pending?;
                // SAFETY: this request has a place for a number there.
                unsafe { argument.write_unaligned(c_int::try_from(pending).unwrap_or(c_int::MAX)) };
                Ok(0)
            }
            _ => os(libc::ENOTTY),
        }
    }
}
