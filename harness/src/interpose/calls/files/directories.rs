//! The calls of libc that change and tell the directory that a process is in, and tell whole paths.

use std::{ffi::c_char, io, os::unix::ffi::OsStrExt as _, path::Path};

use libc::{AT_FDCWD, c_int, size_t};

use super::{
    disk::status,
    open_file::path_of_directory,
    path::{Done, absolute, here, normal, on_paths},
    working::{enter, working},
};
use crate::interpose::{
    answers::{Answer, answer, os},
    descriptors::on_descriptors,
    kernel::DiskRequest,
};

/// Copies a path with its end to where C wants it, or to memory that C frees.
///
/// # Safety
///
/// `out` is null, or there are `room` bytes at it.
unsafe fn put(path: &Path, out: *mut c_char, room: usize) -> io::Result<*mut c_char> {
    let bytes = path.as_os_str().as_bytes();
    let out = if out.is_null() {
        // SAFETY: what it returns is looked at.
        unsafe { libc::malloc(bytes.len() + 1) }.cast::<c_char>()
    } else if bytes.len() < room {
        out
    } else {
        return os(libc::ERANGE);
    };
    if out.is_null() {
        return os(libc::ENOMEM);
    }
    // SAFETY: there is room for the path and its end.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast::<u8>(), bytes.len());
        *out.add(bytes.len()) = 0;
    }
    Ok(out)
}

/// The system call `getcwd`, which says how long the path is with its end.
///
/// # Safety
///
/// There are `room` bytes at `out`.
pub(crate) unsafe fn current(out: *mut c_char, room: usize) -> isize {
    answer(|| {
        let path = working()?;
        if out.is_null() {
            return os(libc::EFAULT);
        }
        // SAFETY: the caller vouches for the place.
        unsafe { put(&path, out, room) }?;
        Ok((path.as_os_str().len() + 1).cast_signed())
    })
}

impl Answer for *mut c_char {
    const FAILED: Self = std::ptr::null_mut();
}

on_paths! {
    /// `realpath(3)`
    fn realpath(path: *const c_char, out: *mut c_char) -> *mut c_char {
        // SAFETY: the path is the caller's.
        let path = unsafe { absolute(AT_FDCWD, path) }?;
        match here(status(DiskRequest::StatusAt { path: path.clone() }))? {
            Done::Here(_) => {
                // SAFETY: there is room for the longest path, as the caller knows.
                unsafe { put(&normal(&path), out, libc::PATH_MAX as usize) }.map(Done::Here)
            }
            Done::Elsewhere => Ok(Done::Elsewhere),
        }
    }

    /// `getcwd(3)`
    fn getcwd(out: *mut c_char, room: size_t) -> *mut c_char {
        // SAFETY: the place is the caller's.
        unsafe { put(&working()?, out, room) }.map(Done::Here)
    }

    /// `chdir(2)`: into a directory of the simulated disk, or one that is only on the machine
    fn chdir(path: *const c_char) -> c_int {
        // SAFETY: the path is the caller's.
        let path = normal(&unsafe { absolute(AT_FDCWD, path) }?);
        if !std::fs::metadata(&path)?.is_dir() {
            return os(libc::ENOTDIR);
        }
        enter(path).map(Done::Here)
    }
}

on_descriptors! {
    /// `fchdir(2)`
    fn fchdir(fd) -> c_int {
        enter(normal(&path_of_directory(fd)?))
    }
}
