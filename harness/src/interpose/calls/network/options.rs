//! `setsockopt` and `getsockopt`, in the words of C.

use std::{io, time::Duration};

use libc::{
    IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_RCVBUF,
    SO_RCVTIMEO, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDTIMEO, SO_TYPE, SOL_SOCKET, c_int,
    linger, timeval,
};

use crate::interpose::{
    answers::errno,
    descriptors::Socket,
    kernel::{SocketOption, SocketOptionName},
};

/// The buffers of a socket within a host, as `net.core.wmem_default` has them.
const LOCAL_BYTES: c_int = 208 << 10;

/// A value as C has it.
pub(super) enum Value {
    Int(c_int),
    Linger(linger),
    Time(timeval),
    Owner(libc::ucred),
}

impl Value {
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: these are plain numbers without padding between or behind them.
        unsafe {
            match self {
                Self::Int(value) => as_bytes(value),
                Self::Linger(value) => as_bytes(value),
                Self::Time(value) => as_bytes(value),
                Self::Owner(value) => as_bytes(value),
            }
        }
    }
}

/// # Safety
///
/// No byte of `T` is padding.
unsafe fn as_bytes<T>(value: &T) -> &[u8] {
    // SAFETY: a value has its own size in bytes, all of which are initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

fn unknown<T>() -> io::Result<T> {
    Err(io::Error::from_raw_os_error(libc::ENOPROTOOPT))
}

fn invalid() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}

/// The number at the beginning of a value.
fn int(bytes: &[u8]) -> io::Result<c_int> {
    let bytes = bytes.get(..size_of::<c_int>()).and_then(|bytes| bytes.try_into().ok());
    bytes.map(c_int::from_ne_bytes).ok_or_else(invalid)
}

fn long(bytes: &[u8], at: usize) -> io::Result<i64> {
    let bytes = bytes.get(at * 8..at * 8 + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map(i64::from_ne_bytes).ok_or_else(invalid)
}

/// A time in nanoseconds; zero is none.
pub(super) fn time(bytes: &[u8]) -> io::Result<u64> {
    let (seconds, micros) = (long(bytes, 0)?, long(bytes, 1)?);
    if !(0..1_000_000).contains(&micros) {
        return Err(io::Error::from_raw_os_error(libc::EDOM));
    }
    Ok(u64::try_from(seconds).unwrap_or(0) * 1_000_000_000 + micros.unsigned_abs() * 1_000)
}

pub(super) fn timeval(nanos: u64) -> Value {
    let seconds = i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX);
    let micros = i64::try_from(nanos / 1_000 % 1_000_000).unwrap_or(0);
    Value::Time(libc::timeval { tv_sec: seconds, tv_usec: micros })
}

/// Sets an option of a socket.
///
/// # Errors
///
/// `ENOPROTOOPT` for one that is not modelled, `EINVAL` for a value that is none.
pub(super) fn set(socket: &Socket, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
    let seconds = || {
        let seconds = u64::try_from(int(value)?).ok().filter(|seconds| *seconds > 0);
        seconds.map(Duration::from_secs).ok_or_else(invalid)
    };
    let size = || Ok::<_, io::Error>(u32::try_from(int(value)?).unwrap_or(0));
    let option = match (level, name) {
        (SOL_SOCKET, SO_REUSEADDR) => SocketOption::ReuseAddress(int(value)? != 0),
        (SOL_SOCKET, SO_REUSEPORT) => SocketOption::ReusePort(int(value)? != 0),
        (SOL_SOCKET, SO_KEEPALIVE) => SocketOption::Keepalive(int(value)? != 0),
        (SOL_SOCKET, SO_SNDBUF) => SocketOption::SendBuffer(size()?),
        (SOL_SOCKET, SO_RCVBUF) => SocketOption::ReceiveBuffer(size()?),
        (SOL_SOCKET, SO_LINGER) => {
            let (on, seconds) = (int(value)?, int(value.get(4..).unwrap_or_default())?);
            let seconds = u64::try_from(seconds).unwrap_or(0);
            SocketOption::Linger((on != 0).then(|| Duration::from_secs(seconds)))
        }
        (SOL_SOCKET, SO_RCVTIMEO) => {
            socket.receive_timeout.set(time(value)?);
            return Ok(());
        }
        (SOL_SOCKET, SO_SNDTIMEO) => {
            socket.send_timeout.set(time(value)?);
            return Ok(());
        }
        // Without an effect here: links treat all packets alike, and datagrams to all are not
        // modelled.
        (SOL_SOCKET, libc::SO_BROADCAST | libc::SO_PRIORITY | libc::SO_MARK) => return Ok(()),
        // The messages that come with datagrams have nothing to tell: a host has one address, and no
        // link marks what it carries.
        (IPPROTO_IP, libc::IP_PKTINFO | libc::IP_RECVTOS) if !socket.stream => return Ok(()),
        (IPPROTO_IPV6, libc::IPV6_RECVPKTINFO | libc::IPV6_RECVTCLASS)
            if socket.v6 && !socket.stream =>
        {
            return Ok(());
        }
        (IPPROTO_TCP, _) if !socket.stream => return unknown(),
        (IPPROTO_TCP, libc::TCP_NODELAY) => SocketOption::Nodelay(int(value)? != 0),
        (IPPROTO_TCP, libc::TCP_KEEPIDLE) => SocketOption::KeepaliveTime(seconds()?),
        (IPPROTO_TCP, libc::TCP_KEEPINTVL) => SocketOption::KeepaliveInterval(seconds()?),
        (IPPROTO_TCP, libc::TCP_KEEPCNT) => {
            let count = u32::try_from(int(value)?).ok().filter(|count| *count > 0);
            SocketOption::KeepaliveProbes(count.ok_or_else(invalid)?)
        }
        (IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => {
            let millis = u64::try_from(int(value)?).map_err(|_| invalid())?;
            SocketOption::UserTimeout(Duration::from_millis(millis))
        }
        // Acknowledgements are sent when Linux would send them by itself.
        (IPPROTO_TCP, libc::TCP_QUICKACK) => return Ok(()),
        (IPPROTO_IP, libc::IP_TTL) => SocketOption::Ttl(size()?),
        (IPPROTO_IP, libc::IP_TOS) => SocketOption::Tos(size()?),
        (IPPROTO_IPV6, libc::IPV6_V6ONLY) if socket.v6 => SocketOption::V6Only(int(value)? != 0),
        _ => return unknown(),
    };
    socket.kernel.set_option(socket.id, option)
}

/// The value of an option of a socket within a host.
pub(super) fn of_local(level: c_int, name: c_int) -> io::Result<Value> {
    if level != SOL_SOCKET {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    Ok(match name {
        libc::SO_TYPE => Value::Int(libc::SOCK_STREAM),
        libc::SO_DOMAIN => Value::Int(libc::AF_UNIX),
        // The only process of a host, as the first of a container.
        libc::SO_PEERCRED => Value::Owner(libc::ucred { pid: 1, uid: 0, gid: 0 }),
        SO_SNDBUF | SO_RCVBUF => Value::Int(LOCAL_BYTES),
        _ => Value::Int(0),
    })
}

/// Reads an option of a socket.
///
/// # Errors
///
/// `ENOPROTOOPT` for one that is not modelled.
pub(super) fn get(socket: &Socket, level: c_int, name: c_int) -> io::Result<Value> {
    use SocketOptionName::{
        Keepalive, KeepaliveInterval, KeepaliveProbes, KeepaliveTime, Linger, Nodelay,
        ReceiveBuffer, ReuseAddress, ReusePort, SendBuffer, Tos, Ttl, UserTimeout, V6Only,
    };
    let domain = if socket.v6 { libc::AF_INET6 } else { libc::AF_INET };
    let kind = if socket.stream { libc::SOCK_STREAM } else { libc::SOCK_DGRAM };
    let protocol = if socket.stream { IPPROTO_TCP } else { libc::IPPROTO_UDP };
    let wanted = match (level, name) {
        (SOL_SOCKET, SO_ERROR) => {
            let error = socket.kernel.take_error(socket.id)?;
            return Ok(Value::Int(error.map_or(0, |error| errno(&error))));
        }
        (SOL_SOCKET, SO_TYPE) => return Ok(Value::Int(kind)),
        (SOL_SOCKET, libc::SO_DOMAIN) => return Ok(Value::Int(domain)),
        (SOL_SOCKET, libc::SO_PROTOCOL) => return Ok(Value::Int(protocol)),
        (SOL_SOCKET, libc::SO_ACCEPTCONN) => {
            return Ok(Value::Int(c_int::from(socket.kernel.is_listening(socket.id))));
        }
        (SOL_SOCKET, SO_RCVTIMEO) => return Ok(timeval(socket.receive_timeout.get())),
        (SOL_SOCKET, SO_SNDTIMEO) => return Ok(timeval(socket.send_timeout.get())),
        (SOL_SOCKET, libc::SO_BROADCAST) => return Ok(Value::Int(0)),
        (SOL_SOCKET, SO_REUSEADDR) => ReuseAddress,
        (SOL_SOCKET, SO_REUSEPORT) => ReusePort,
        (SOL_SOCKET, SO_KEEPALIVE) => Keepalive,
        (SOL_SOCKET, SO_SNDBUF) => SendBuffer,
        (SOL_SOCKET, SO_RCVBUF) => ReceiveBuffer,
        (SOL_SOCKET, SO_LINGER) => Linger,
        (IPPROTO_TCP, _) if !socket.stream => return unknown(),
        (IPPROTO_TCP, libc::TCP_NODELAY) => Nodelay,
        (IPPROTO_TCP, libc::TCP_KEEPIDLE) => KeepaliveTime,
        (IPPROTO_TCP, libc::TCP_KEEPINTVL) => KeepaliveInterval,
        (IPPROTO_TCP, libc::TCP_KEEPCNT) => KeepaliveProbes,
        (IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => UserTimeout,
        (IPPROTO_IP, libc::IP_TTL) => Ttl,
        (IPPROTO_IP, libc::IP_TOS) => Tos,
        (IPPROTO_IPV6, libc::IPV6_V6ONLY) if socket.v6 => V6Only,
        _ => return unknown(),
    };
    let narrow = |number: u64| c_int::try_from(number).unwrap_or(c_int::MAX);
    Ok(match socket.kernel.option(socket.id, wanted)? {
        SocketOption::ReuseAddress(on)
        | SocketOption::ReusePort(on)
        | SocketOption::Nodelay(on)
        | SocketOption::Keepalive(on)
        | SocketOption::V6Only(on) => Value::Int(c_int::from(on)),
        SocketOption::KeepaliveTime(time) | SocketOption::KeepaliveInterval(time) => {
            Value::Int(narrow(time.as_secs()))
        }
        SocketOption::UserTimeout(time) => {
            Value::Int(narrow(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
        }
        SocketOption::Linger(time) => Value::Linger(linger {
            l_onoff: c_int::from(time.is_some()),
            l_linger: narrow(time.map_or(0, |time| time.as_secs())),
        }),
        SocketOption::KeepaliveProbes(number)
        | SocketOption::SendBuffer(number)
        | SocketOption::ReceiveBuffer(number)
        | SocketOption::Ttl(number)
        | SocketOption::Tos(number) => Value::Int(narrow(u64::from(number))),
    })
}
