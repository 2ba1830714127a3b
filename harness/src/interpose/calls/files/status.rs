//! The calls of libc that say what is known of a file.

use std::{ffi::c_char, io, rc::Rc, time::UNIX_EPOCH};

use libc::{AT_FDCWD, c_int, c_uint, statx_timestamp};

use super::{
    disk::status,
    open_file::{is_file, known, with_text},
    path::{Done, absolute, here, on_paths},
};
use crate::interpose::{
    answers::os,
    descriptors::{is_simulated, on_descriptors},
    kernel::{DiskRequest, FileStatus, Kernel},
    threads::{at_kernel, kernel},
};

/// What simulated disks are made of.
const BLOCK_BYTES: u64 = 512;
const PAGE_BYTES: u32 = 4096;
/// The kind of device that a simulated disk is: its major number, which no other has.
const DEVICE_KIND: c_uint = 0x537;

/// What C is told of a file.
struct Told {
    device: Device,
    number: u64,
    mode: u32,
    len: u64,
    seconds: i64,
    nanoseconds: u32,
}

/// Which device of its kind the disk is for the process whose code runs.
///
/// `stat` is what code in C calls, whose statics outlive a run: SQLite keeps what it knows of open files
/// in a list by their devices and numbers, and would take those of one run for those of another, so
/// that they have a device of their own in the whole program. `statx` is what code in Rust calls, and
/// says the same in each run.
#[derive(Clone, Copy)]
struct Device {
    /// For `stat`.
    in_program: c_uint,
    /// For `statx`.
    in_run: c_uint,
}

fn device() -> Device {
    let device = || {
        let of = |kernel: Rc<dyn Kernel>| (kernel.device(), kernel.process());
        Ok(kernel().map_or((0, 0), of))
    };
    let (in_program, in_run) = at_kernel(device).unwrap_or((0, 0));
    Device { in_program, in_run }
}

fn told(status: FileStatus) -> Told {
    let modified = status.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mode = if status.is_dir { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o644 };
    Told {
        device: device(),
        // No file has the number zero.
        number: status.number + 1,
        mode,
        len: status.len,
        seconds: i64::try_from(modified.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: modified.subsec_nanos(),
    }
}

/// A file or directory at a path.
///
/// `stat` takes no time: SQLite calls it before it opens a file if it has any open in the whole program,
/// so that a run would depend on those beside it and before it.
///
/// # Safety
///
/// `path` is a C string.
unsafe fn at_path(directory: c_int, path: *const c_char, of_c: bool) -> io::Result<Done<Told>> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { absolute(directory, path) }?;
    let request = match of_c {
        true => DiskRequest::StatusInMemory { path },
        false => DiskRequest::StatusAt { path },
    };
    match here(status(request))? {
        Done::Here(status) => Ok(Done::Here(told(status))),
        Done::Elsewhere => Ok(Done::Elsewhere),
    }
}

/// An open file or directory.
fn of_descriptor(fd: c_int) -> io::Result<Told> {
    let of_text = with_text(fd, |_| ())?;
    if of_text.is_some() || !is_file(fd)? {
        // A socket, what one waits with, or what the kernel writes when it is read.
        let mode = if of_text.is_some() { libc::S_IFREG | 0o444 } else { libc::S_IFSOCK | 0o777 };
        return Ok(Told {
            device: device(),
            number: u64::from(fd.unsigned_abs()),
            mode,
            len: 0,
            seconds: 0,
            nanoseconds: 0,
        });
    }
    let known = known(fd)?;
    let request = match known.number {
        Some(file) => DiskRequest::Status { file },
        None => DiskRequest::StatusAt { path: known.path },
    };
    status(request).map(told)
}

/// Is the path empty, and so the descriptor itself meant?
///
/// # Safety
///
/// `path` is null or a C string.
unsafe fn means_descriptor(path: *const c_char, flags: c_int) -> bool {
    flags & libc::AT_EMPTY_PATH != 0
        // SAFETY: the caller vouches for it.
        && (path.is_null() || unsafe { *path } == 0)
}

/// # Safety
///
/// As `fstatat(2)`.
unsafe fn found(directory: c_int, path: *const c_char, flags: c_int) -> io::Result<Done<Told>> {
    // SAFETY: the caller vouches for the path.
    unsafe {
        if means_descriptor(path, flags) {
            if is_simulated(directory) {
                of_descriptor(directory).map(Done::Here)
            } else {
                Ok(Done::Elsewhere)
            }
        } else {
            at_path(directory, path, false)
        }
    }
}

/// Writes what is told in one of the shapes that C has for it.
macro_rules! fill {
    ($out:expr, $shape:ty, $told:expr) => {{
        let told: Told = $told;
        // SAFETY: the place is the caller's, and a status of zeros is valid.
        unsafe {
            $out.write_bytes(0, 1);
            let out: &mut $shape = &mut *$out;
            out.st_dev = libc::makedev(DEVICE_KIND, told.device.in_program);
            out.st_ino = told.number;
            out.st_mode = told.mode;
            out.st_nlink = 1;
            out.st_size = i64::try_from(told.len).unwrap_or(i64::MAX);
            out.st_blksize = PAGE_BYTES as _;
            out.st_blocks = i64::try_from(told.len.div_ceil(BLOCK_BYTES)).unwrap_or(i64::MAX);
            (out.st_atime, out.st_mtime, out.st_ctime) = (told.seconds, told.seconds, told.seconds);
            let nanoseconds = i64::from(told.nanoseconds);
            (out.st_atime_nsec, out.st_mtime_nsec, out.st_ctime_nsec) =
                (nanoseconds, nanoseconds, nanoseconds);
        }
        0
    }};
}

/// The same, for whichever it is.
macro_rules! done {
    ($out:expr, $shape:ty, $done:expr) => {
        match $done? {
            Done::Here(told) => Ok(Done::Here(fill!($out, $shape, told))),
            Done::Elsewhere => Ok(Done::Elsewhere),
        }
    };
}

on_paths! {
    /// `stat(2)`
    fn stat(path: *const c_char, out: *mut libc::stat) -> c_int {
        // SAFETY: the path is the caller's.
        done!(out, libc::stat, unsafe { at_path(AT_FDCWD, path, true) })
    }

    /// `stat(2)`
    fn stat64(path: *const c_char, out: *mut libc::stat64) -> c_int {
        // SAFETY: the path is the caller's.
        done!(out, libc::stat64, unsafe { at_path(AT_FDCWD, path, true) })
    }

    /// `lstat(2)`: there are no links
    fn lstat(path: *const c_char, out: *mut libc::stat) -> c_int {
        // SAFETY: the path is the caller's.
        done!(out, libc::stat, unsafe { at_path(AT_FDCWD, path, true) })
    }

    /// `lstat(2)`
    fn lstat64(path: *const c_char, out: *mut libc::stat64) -> c_int {
        // SAFETY: the path is the caller's.
        done!(out, libc::stat64, unsafe { at_path(AT_FDCWD, path, true) })
    }

    /// `fstatat(2)`
    fn fstatat(directory: c_int, path: *const c_char, out: *mut libc::stat, flags: c_int) -> c_int {
        // SAFETY: the path is the caller's.
        done!(out, libc::stat, unsafe { found(directory, path, flags) })
    }

    /// `fstatat(2)`
    fn fstatat64(directory: c_int, path: *const c_char, out: *mut libc::stat64, flags: c_int) -> c_int {
        // SAFETY: the path is the caller's.
        done!(out, libc::stat64, unsafe { found(directory, path, flags) })
    }

    /// `statx(2)`
    fn statx(
        directory: c_int,
        path: *const c_char,
        flags: c_int,
        mask: c_uint,
        out: *mut libc::statx,
    ) -> c_int {
        let _ = mask;
        // SAFETY: the path is the caller's.
        let found = unsafe { found(directory, path, flags) }?;
        let Done::Here(told) = found else { return Ok(Done::Elsewhere) };
        // SAFETY: the place is the caller's, and a status of zeros is valid.
        let out = unsafe {
            out.write_bytes(0, 1);
            &mut *out
        };
        out.stx_mask = libc::STATX_BASIC_STATS;
        out.stx_blksize = PAGE_BYTES;
        out.stx_nlink = 1;
        out.stx_mode = u16::try_from(told.mode).unwrap_or(0);
        out.stx_ino = told.number;
        out.stx_size = told.len;
        out.stx_blocks = told.len.div_ceil(BLOCK_BYTES);
        (out.stx_dev_major, out.stx_dev_minor) = (DEVICE_KIND, told.device.in_run);
        // SAFETY: a time of zeros is valid.
        let mut modified: statx_timestamp = unsafe { std::mem::zeroed() };
        (modified.tv_sec, modified.tv_nsec) = (told.seconds, told.nanoseconds);
        out.stx_mtime = modified;
        (out.stx_atime, out.stx_ctime) = (out.stx_mtime, out.stx_mtime);
        Ok(Done::Here(0))
    }
}

on_descriptors! {
    /// `fstat(2)`
    fn fstat(fd, out: *mut libc::stat) -> c_int {
        if out.is_null() {
            return os(libc::EFAULT);
        }
        Ok(fill!(out, libc::stat, of_descriptor(fd)?))
    }

    /// `fstat(2)`
    fn fstat64(fd, out: *mut libc::stat64) -> c_int {
        if out.is_null() {
            return os(libc::EFAULT);
        }
        Ok(fill!(out, libc::stat64, of_descriptor(fd)?))
    }
}
