//! The calls of libc that make, remove and rename what paths lead to, or ask whether it is there.
//!
//! What is only in the real file system is not changed.

use std::{ffi::c_char, io, path::Path};

use libc::{AT_FDCWD, c_int, mode_t};

use super::{
    disk::{ask, give_back, status},
    path::{Done, absolute, here, is_of_the_machine, on_paths},
};
use crate::interpose::{
    answers::os,
    kernel::{DiskAnswer, DiskRequest},
};

/// Changes something on the disk of the host. What is only in the real file system is not changed.
fn change<T>(path: &Path, request: DiskRequest, result: T) -> io::Result<Done<T>> {
    if is_of_the_machine(path) {
        return os(libc::EROFS);
    }
    ask(request).map(|_| Done::Here(result))
}

/// # Safety
///
/// As `unlinkat(2)`.
unsafe fn take_away(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
) -> io::Result<Done<c_int>> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { absolute(directory, path) }?;
    let request = if flags & libc::AT_REMOVEDIR != 0 {
        DiskRequest::RemoveDir { path: path.clone() }
    } else {
        DiskRequest::RemoveFile { path: path.clone() }
    };
    change(&path, request, 0)
}

/// # Safety
///
/// As `renameat(2)`.
unsafe fn rename_at(
    (from_directory, from): (c_int, *const c_char),
    (to_directory, to): (c_int, *const c_char),
) -> io::Result<Done<c_int>> {
    // SAFETY: the caller vouches for both.
    let (from, to) = unsafe { (absolute(from_directory, from)?, absolute(to_directory, to)?) };
    change(&to.clone(), DiskRequest::Rename { from, to }, 0)
}

/// # Safety
///
/// As `mkdirat(2)`.
unsafe fn make_directory(directory: c_int, path: *const c_char) -> io::Result<Done<c_int>> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { absolute(directory, path) }?;
    change(&path.clone(), DiskRequest::CreateDir { path }, 0)
}

/// # Safety
///
/// As `faccessat(2)`.
unsafe fn access_at(directory: c_int, path: *const c_char) -> io::Result<Done<c_int>> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { absolute(directory, path) }?;
    if is_of_the_machine(&path) {
        return Ok(Done::Elsewhere);
    }
    here(status(DiskRequest::StatusAt { path }).map(|_| 0))
}

/// # Safety
///
/// As `truncate(2)`.
unsafe fn truncate_at(path: *const c_char, len: libc::off_t) -> io::Result<Done<c_int>> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { absolute(AT_FDCWD, path) }?;
    let Ok(len) = u64::try_from(len) else { return os(libc::EINVAL) };
    let open = DiskRequest::Open {
        path: path.clone(),
        read: false,
        write: true,
        truncate: false,
        create: false,
        create_new: false,
    };
    if is_of_the_machine(&path) {
        return os(libc::EROFS);
    }
    let DiskAnswer::Number(file) = ask(open)? else { return os(libc::EIO) };
    let result = ask(DiskRequest::SetLen { file, len });
    give_back(file)?;
    result.map(|_| Done::Here(0))
}

on_paths! {
    /// `unlink(2)`
    fn unlink(path: *const c_char) -> c_int {
        // SAFETY: the path is the caller's.
        unsafe { take_away(AT_FDCWD, path, 0) }
    }

    /// `unlinkat(2)`
    fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
        // SAFETY: the path is the caller's.
        unsafe { take_away(directory, path, flags) }
    }

    /// `rmdir(2)`
    fn rmdir(path: *const c_char) -> c_int {
        // SAFETY: the path is the caller's.
        unsafe { take_away(AT_FDCWD, path, libc::AT_REMOVEDIR) }
    }

    /// `remove(3)`, whose calls libc makes by itself
    fn remove(path: *const c_char) -> c_int {
        // SAFETY: the path is the caller's.
        match unsafe { take_away(AT_FDCWD, path, 0) } {
            Err(error) if error.raw_os_error() == Some(libc::EISDIR) => {
                // SAFETY: as above.
                unsafe { take_away(AT_FDCWD, path, libc::AT_REMOVEDIR) }
            }
            result => result,
        }
    }

    /// `rename(2)`
    fn rename(from: *const c_char, to: *const c_char) -> c_int {
        // SAFETY: the paths are the caller's.
        unsafe { rename_at((AT_FDCWD, from), (AT_FDCWD, to)) }
    }

    /// `renameat(2)`
    fn renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int {
        // SAFETY: the paths are the caller's.
        unsafe { rename_at((from, old), (to, new)) }
    }

    /// `mkdir(2)`
    fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
        let _ = mode;
        // SAFETY: the path is the caller's.
        unsafe { make_directory(AT_FDCWD, path) }
    }

    /// `mkdirat(2)`
    fn mkdirat(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
        let _ = mode;
        // SAFETY: the path is the caller's.
        unsafe { make_directory(directory, path) }
    }

    /// `access(2)`
    fn access(path: *const c_char, mode: c_int) -> c_int {
        let _ = mode;
        // SAFETY: the path is the caller's.
        unsafe { access_at(AT_FDCWD, path) }
    }

    /// `faccessat(2)`
    fn faccessat(directory: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
        let _ = (mode, flags);
        // SAFETY: the path is the caller's.
        unsafe { access_at(directory, path) }
    }

    /// `truncate(2)`
    fn truncate(path: *const c_char, len: libc::off_t) -> c_int {
        // SAFETY: the path is the caller's.
        unsafe { truncate_at(path, len) }
    }

    /// `truncate(2)`
    fn truncate64(path: *const c_char, len: libc::off_t) -> c_int {
        // SAFETY: the path is the caller's.
        unsafe { truncate_at(path, len) }
    }
}
