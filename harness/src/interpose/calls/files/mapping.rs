//! `mmap(2)` of files.

use std::{ffi::c_void, io, os::unix::ffi::OsStrExt as _};

use libc::{c_int, size_t};

use super::{disk::ask, open_file::known};
use crate::interpose::{
    answers::{Answer, answer, os},
    descriptors::is_simulated,
    kernel::{DiskAnswer, DiskRequest},
    real::Next,
};

impl Answer for *mut c_void {
    const FAILED: Self = usize::MAX as *mut c_void;
}

/// Maps a file: SQLite's index of its log, which the connections of a process share and which is made
/// again when the process starts. No other is: what one writes to memory would not reach the disk.
///
/// # Safety
///
/// As `mmap(2)`.
unsafe fn map(
    length: size_t,
    protection: c_int,
    fd: c_int,
    offset: i64,
    anonymous: impl FnOnce(c_int) -> *mut c_void,
) -> io::Result<*mut c_void> {
    let known = known(fd)?;
    let number = known.file()?;
    if !known.path.as_os_str().as_bytes().ends_with(b"-shm") {
        return os(libc::ENODEV);
    }
    let place = anonymous(protection | libc::PROT_WRITE);
    if place == <*mut c_void>::FAILED {
        return Err(io::Error::last_os_error());
    }
    let at = u64::try_from(offset).unwrap_or(0);
    let read = DiskRequest::ReadAt { file: number, at, bytes_max: length };
    if let DiskAnswer::Data(data) = ask(read)? {
        // SAFETY: no more was read than was mapped.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), place.cast(), data.len()) };
    }
    Ok(place)
}

/// Defines the functions that map.
macro_rules! maps {
    ($($name:ident)*) => {$(
        /// # Safety
        ///
        /// As `mmap(2)`.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            address: *mut c_void,
            length: size_t,
            protection: c_int,
            flags: c_int,
            fd: c_int,
            offset: libc::off_t,
        ) -> *mut c_void {
            type Map = unsafe extern "C" fn(
                *mut c_void,
                size_t,
                c_int,
                c_int,
                c_int,
                libc::off_t,
            ) -> *mut c_void;
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            // SAFETY: this is libc's function of that name and type.
            let next: Map = unsafe { std::mem::transmute(NEXT.get()) };
            if is_simulated(fd) && flags & libc::MAP_ANONYMOUS == 0 {
                let anonymous = |protection| {
                    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                    // SAFETY: it asks for new memory.
                    unsafe { next(std::ptr::null_mut(), length, protection, flags, -1, 0) }
                };
                // SAFETY: the arguments are the caller's.
                return answer(|| unsafe { map(length, protection, fd, offset, anonymous) });
            }
            // SAFETY: the arguments are the caller's.
            unsafe { next(address, length, protection, flags, fd, offset) }
        }
    )*};
}

maps! { mmap mmap64 }
