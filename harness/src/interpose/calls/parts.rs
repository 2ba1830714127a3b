//! Bytes in several places of the caller's memory, as `readv(2)` and the like name them.

use std::io;

use libc::{iovec, ssize_t};

use crate::interpose::answers::os;

/// The parts of a message.
///
/// # Safety
///
/// There are `count` valid parts at `parts`, which live as long as what is returned.
pub(crate) unsafe fn parts_at<'a>(parts: *const iovec, count: usize) -> io::Result<&'a [iovec]> {
    if count > libc::UIO_MAXIOV as usize {
        return os(libc::EINVAL);
    }
    if count == 0 {
        return Ok(&[]);
    }
    // SAFETY: the caller vouches for them.
    Ok(unsafe { std::slice::from_raw_parts(parts, count) })
}

/// The bytes of each part that has any.
///
/// # Safety
///
/// The parts are valid as long as what is returned.
pub(crate) unsafe fn slices<'a>(parts: &[iovec]) -> impl Iterator<Item = &'a [u8]> {
    let parts = parts.iter().filter(|part| part.iov_len > 0);
    // SAFETY: the caller vouches for each part.
    parts.map(|part| unsafe { std::slice::from_raw_parts(part.iov_base.cast(), part.iov_len) })
}

/// Copies bytes into parts, as many as there is room for. How many?
///
/// # Safety
///
/// The parts are valid.
pub(crate) unsafe fn scatter(bytes: &[u8], parts: &[iovec]) -> usize {
    let mut left = bytes;
    for part in parts {
        let (now, later) = left.split_at(left.len().min(part.iov_len));
        if !now.is_empty() {
            // SAFETY: the caller vouches for the part, in which there is room for them.
            unsafe { std::ptr::copy_nonoverlapping(now.as_ptr(), part.iov_base.cast(), now.len()) };
        }
        left = later;
    }
    bytes.len() - left.len()
}

/// How many bytes, as calls return it.
pub(crate) fn signed(length: usize) -> ssize_t {
    length.cast_signed()
}
