//! The calls of libc that read from and write to descriptors of any kind.

use std::{ffi::c_void, io};

use libc::{c_int, iovec, size_t, ssize_t};

use super::{
    files::{is_file, read_parts, write_parts},
    network::{receive, transmit},
    parts::{parts_at, signed},
};
use crate::interpose::{
    answers::os,
    descriptors::{event, on_descriptors},
    threads::at_kernel,
};

on_descriptors! {
    /// `read(2)`
    fn read(fd, bytes: *mut c_void, count: size_t) -> ssize_t {
        if let Some(taken) = at_kernel(|| event(fd, |number, event| event.take(number)))? {
            if count < size_of::<u64>() {
                return os(libc::EINVAL);
            }
            // SAFETY: the caller vouches for the bytes.
            unsafe { bytes.cast::<u64>().write_unaligned(taken) };
            return Ok(8);
        }
        let part = iovec { iov_base: bytes, iov_len: count };
        if is_file(fd)? {
            // SAFETY: the caller vouches for the bytes.
            return unsafe { read_parts(fd, &[part], None) };
        }
        // SAFETY: the caller vouches for the bytes.
        unsafe { receive(fd, &[part], 0) }.map(|found| signed(found.length))
    }

    /// `readv(2)`
    fn readv(fd, places: *const iovec, count: c_int) -> ssize_t {
        let count = usize::try_from(count).or_else(|_| os(libc::EINVAL))?;
        // SAFETY: the caller vouches for the places.
        let places = unsafe { parts_at(places, count) }?;
        if is_file(fd)? {
            // SAFETY: as above.
            return unsafe { read_parts(fd, places, None) };
        }
        // SAFETY: as above.
        unsafe { receive(fd, places, 0) }.map(|found| signed(found.length))
    }

    /// `write(2)`
    fn write(fd, bytes: *const c_void, count: size_t) -> ssize_t {
        // SAFETY: the caller vouches for the bytes.
        unsafe { add_or_send(fd, bytes, count) }
    }

    /// `writev(2)`
    fn writev(fd, places: *const iovec, count: c_int) -> ssize_t {
        let count = usize::try_from(count).or_else(|_| os(libc::EINVAL))?;
        // SAFETY: the caller vouches for the places.
        let places = unsafe { parts_at(places, count) }?;
        if is_file(fd)? {
            // SAFETY: as above.
            return unsafe { write_parts(fd, places, None) };
        }
        // SAFETY: as above.
        unsafe { transmit(fd, places, 0, None) }
    }
}

/// `write(2)` to a simulated descriptor.
///
/// # Safety
///
/// As `write(2)`.
unsafe fn add_or_send(fd: c_int, bytes: *const c_void, count: size_t) -> io::Result<ssize_t> {
    let adds = if count == size_of::<u64>() {
        // SAFETY: the caller vouches for the bytes.
        unsafe { bytes.cast::<u64>().read_unaligned() }
    } else {
        u64::MAX
    };
    if at_kernel(|| event(fd, |number, event| event.add(number, adds)))?.is_some() {
        return Ok(8);
    }
    let part = iovec { iov_base: bytes.cast_mut(), iov_len: count };
    if is_file(fd)? {
        // SAFETY: the caller vouches for the bytes.
        return unsafe { write_parts(fd, &[part], None) };
    }
    // SAFETY: the caller vouches for the bytes.
    unsafe { transmit(fd, &[part], 0, None) }
}
