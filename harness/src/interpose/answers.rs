//! How C is told what became of a call.

use std::io;

use libc::{c_int, off_t, ssize_t};

/// What calls return: a number, or -1 with `errno`.
pub(crate) trait Answer: Copy {
    const FAILED: Self;
}

impl Answer for c_int {
    const FAILED: Self = -1;
}

impl Answer for ssize_t {
    const FAILED: Self = -1;
}

impl Answer for off_t {
    const FAILED: Self = -1;
}

/// Performs a call, and says how it went as C does.
pub(crate) fn answer<R: Answer>(call: impl FnOnce() -> io::Result<R>) -> R {
    match call() {
        Ok(result) => result,
        Err(error) => {
            // SAFETY: it is the cell of this thread.
            unsafe { *libc::__errno_location() = errno(&error) };
            R::FAILED
        }
    }
}

/// The number of an error, as C has it.
pub(crate) fn errno(error: &io::Error) -> c_int {
    error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::WouldBlock => libc::EAGAIN,
        io::ErrorKind::ConnectionReset => libc::ECONNRESET,
        io::ErrorKind::ConnectionRefused => libc::ECONNREFUSED,
        io::ErrorKind::ConnectionAborted => libc::ECONNABORTED,
        io::ErrorKind::TimedOut => libc::ETIMEDOUT,
        io::ErrorKind::BrokenPipe => libc::EPIPE,
        io::ErrorKind::NotConnected => libc::ENOTCONN,
        io::ErrorKind::AddrInUse => libc::EADDRINUSE,
        io::ErrorKind::AddrNotAvailable => libc::EADDRNOTAVAIL,
        io::ErrorKind::InvalidInput => libc::EINVAL,
        _ => libc::EIO,
    })
}

/// An error with the number that C has for it.
pub(crate) fn os<T>(code: c_int) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(code))
}

/// The error that a descriptor is none, or that what would know it is gone.
pub(crate) fn bad() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}
