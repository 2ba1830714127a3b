//! The calls of libc on what paths lead to besides content: owners, rights, times and links.
//!
//! Nobody is refused anything on a simulated disk, and it has no links. What is only in the real file
//! system is not changed.

use std::{
    ffi::{CStr, OsStr, c_char},
    io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use libc::{AT_FDCWD, c_int, mode_t, size_t, ssize_t};

use super::{
    disk::status,
    path::{Done, absolute, here, is_of_the_machine, on_paths},
};
use crate::interpose::{answers::os, kernel::DiskRequest, real::really};

/// Whoever asks for the owner, mode or times of something on a simulated disk to be changed is told
/// that they are.
///
/// # Safety
///
/// `path` is a C string.
unsafe fn attribute(directory: c_int, path: *const c_char) -> io::Result<Done<c_int>> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { absolute(directory, path) }?;
    match status(DiskRequest::StatusAt { path }) {
        Ok(_) => Ok(Done::Here(0)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => os(libc::EROFS),
        Err(error) => Err(error),
    }
}

/// # Safety
///
/// `path` is a C string.
unsafe fn no_link(directory: c_int, path: *const c_char) -> io::Result<Done<ssize_t>> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { absolute(directory, path) }?;
    match here(status(DiskRequest::StatusAt { path }))? {
        Done::Here(_) => os(libc::EINVAL),
        Done::Elsewhere => Ok(Done::Elsewhere),
    }
}

/// What a simulated disk says of itself: one of a terabyte, half of it free.
const BLOCK_BYTES: u64 = 4096;
const BLOCKS: u64 = 1 << 28;
const FILES: u64 = 1 << 24;
/// The kind of file system: ext4.
const KIND: u64 = 0xef53;
const NAME_BYTES: u64 = 255;

/// `statfs(2)`.
///
/// # Safety
///
/// `path` is null, for a descriptor, or a C string, and the place is the caller's.
pub(crate) unsafe fn of_file_system(path: *const c_char, out: *mut libc::statfs) -> isize {
    if !path.is_null() {
        // SAFETY: the caller vouches for it.
        let path_of_c = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
        if path_of_c.is_absolute() && is_of_the_machine(path_of_c) {
            let arguments = [path as usize, out as usize, 0, 0, 0];
            // SAFETY: the arguments are the caller's.
            return unsafe { really(libc::SYS_statfs, arguments) } as isize;
        }
    }
    // SAFETY: the caller vouches for the place, and zeros are valid.
    let out = unsafe {
        out.write_bytes(0, 1);
        &mut *out
    };
    out.f_type = KIND.cast_signed();
    (out.f_bsize, out.f_frsize) = (BLOCK_BYTES.cast_signed(), BLOCK_BYTES.cast_signed());
    (out.f_blocks, out.f_bfree, out.f_bavail) = (BLOCKS, BLOCKS / 2, BLOCKS / 2);
    (out.f_files, out.f_ffree) = (FILES, FILES / 2);
    out.f_namelen = NAME_BYTES.cast_signed();
    0
}

on_paths! {
    /// `chmod(2)`
    fn chmod(path: *const c_char, mode: mode_t) -> c_int {
        let _ = mode;
        // SAFETY: the path is the caller's.
        unsafe { attribute(AT_FDCWD, path) }
    }

    /// `fchmodat(2)`
    fn fchmodat(directory: c_int, path: *const c_char, mode: mode_t, flags: c_int) -> c_int {
        let _ = (mode, flags);
        // SAFETY: the path is the caller's.
        unsafe { attribute(directory, path) }
    }

    /// `chown(2)`
    fn chown(path: *const c_char, user: libc::uid_t, group: libc::gid_t) -> c_int {
        let _ = (user, group);
        // SAFETY: the path is the caller's.
        unsafe { attribute(AT_FDCWD, path) }
    }

    /// `utimensat(2)`
    fn utimensat(
        directory: c_int,
        path: *const c_char,
        times: *const libc::timespec,
        flags: c_int,
    ) -> c_int {
        let _ = (times, flags);
        // SAFETY: the path is the caller's.
        unsafe { attribute(directory, path) }
    }

    /// `link(2)`: a simulated disk has no links, as FAT has none
    fn link(from: *const c_char, to: *const c_char) -> c_int {
        let _ = (from, to);
        os(libc::EPERM)
    }

    /// `linkat(2)`, as `link`
    fn linkat(
        from: c_int,
        old: *const c_char,
        to: c_int,
        new: *const c_char,
        flags: c_int,
    ) -> c_int {
        let _ = (from, old, to, new, flags);
        os(libc::EPERM)
    }

    /// `symlink(2)`, as `link`
    fn symlink(from: *const c_char, to: *const c_char) -> c_int {
        let _ = (from, to);
        os(libc::EPERM)
    }

    /// `readlink(2)`: nothing on a simulated disk is a link
    fn readlink(path: *const c_char, out: *mut c_char, room: size_t) -> ssize_t {
        let _ = (out, room);
        // SAFETY: the path is the caller's.
        unsafe { no_link(AT_FDCWD, path) }
    }

    /// `readlinkat(2)`, as `readlink`
    fn readlinkat(
        directory: c_int,
        path: *const c_char,
        out: *mut c_char,
        room: size_t,
    ) -> ssize_t {
        let _ = (out, room);
        // SAFETY: the path is the caller's.
        unsafe { no_link(directory, path) }
    }

    /// `lchown(2)`
    fn lchown(path: *const c_char, user: libc::uid_t, group: libc::gid_t) -> c_int {
        let _ = (user, group);
        // SAFETY: the path is the caller's.
        unsafe { attribute(AT_FDCWD, path) }
    }

    /// `fchownat(2)`
    fn fchownat(
        directory: c_int,
        path: *const c_char,
        user: libc::uid_t,
        group: libc::gid_t,
        flags: c_int,
    ) -> c_int {
        let _ = (user, group, flags);
        // SAFETY: the path is the caller's.
        unsafe { attribute(directory, path) }
    }

    /// `symlinkat(2)`, as `link`
    fn symlinkat(from: *const c_char, directory: c_int, to: *const c_char) -> c_int {
        let _ = (from, directory, to);
        os(libc::EPERM)
    }

    /// `mknod(2)`, as `link`
    fn mknod(path: *const c_char, mode: mode_t, device: libc::dev_t) -> c_int {
        let _ = (path, mode, device);
        os(libc::EPERM)
    }

    /// `mknodat(2)`, as `link`
    fn mknodat(
        directory: c_int,
        path: *const c_char,
        mode: mode_t,
        device: libc::dev_t,
    ) -> c_int {
        let _ = (directory, path, mode, device);
        os(libc::EPERM)
    }
}
