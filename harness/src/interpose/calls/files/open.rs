//! The calls of libc that open what a path leads to.
//!
//! Every host has a disk of its own, and `/` is its root, where its process begins. What is not on it is
//! looked for in the real file system, of which a run may read and change nothing: time zones,
//! certificates, a configuration. Of what the kernel says below `/proc` and `/sys`, what is another on
//! each machine is the host's. Of the devices below `/dev`, randomness is the seed's, and those
//! that keep nothing may be written to.

use std::{
    ffi::c_char,
    io,
    path::{Path, PathBuf},
};

use libc::{AT_FDCWD, c_int, mode_t};

use super::{
    disk::{ask, give_back},
    machine::{self, Found},
    path::{Done, absolute, here, is_of_the_machine, normal},
};
use crate::interpose::{
    answers::{answer, bad, os},
    descriptors::{self, Kind, Lock, OpenFile, Text},
    kernel::{DiskAnswer, DiskRequest},
    real::{Next, open_really},
    threads::{at_kernel, in_run, is_inside, kernel},
};

fn is_random(path: &Path) -> bool {
    let path = normal(path);
    ["/dev/random", "/dev/urandom"].iter().any(|device| path == Path::new(device))
}

/// Is it a device that may be written to, since it keeps nothing or shows it to a person?
fn keeps_nothing(path: &Path) -> bool {
    let path = normal(path);
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/stdout", "/dev/stderr"]
        .iter()
        .any(|device| path == Path::new(device))
}

fn new_descriptor(
    kind: impl FnOnce() -> io::Result<Kind> + Send,
    flags: c_int,
) -> io::Result<c_int> {
    at_kernel(|| descriptors::open(kind()?, false, flags & libc::O_CLOEXEC != 0))
}

fn file(number: Option<u64>, path: PathBuf, flags: c_int) -> io::Result<Kind> {
    let access = flags & libc::O_ACCMODE;
    let kernel = kernel().ok_or_else(bad)?;
    Ok(Kind::File(OpenFile {
        process: kernel.device(),
        kernel,
        number,
        path,
        readable: access != libc::O_WRONLY,
        writable: access != libc::O_RDONLY,
        append: flags & libc::O_APPEND != 0,
        position: 0.into(),
        lock: Lock::None.into(),
    }))
}

fn open_text(bytes: Vec<u8>, flags: c_int) -> io::Result<c_int> {
    new_descriptor(|| Ok(Kind::Text(Text { bytes, position: 0.into() })), flags)
}

/// Opens what is at `path` on the disk of the host.
fn open_here(path: PathBuf, flags: c_int) -> io::Result<Done<c_int>> {
    if is_random(&path) {
        return new_descriptor(|| Ok(Kind::Random), flags).map(Done::Here);
    }
    let changes = libc::O_CREAT | libc::O_TRUNC;
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || flags & changes != 0;
    if is_of_the_machine(&path) {
        if writes {
            return if keeps_nothing(&path) { Ok(Done::Elsewhere) } else { os(libc::EROFS) };
        }
        return match machine::read(&normal(&path)) {
            Found::Text(bytes) => open_text(bytes, flags).map(Done::Here),
            Found::Nothing => os(libc::ENOENT),
            Found::Same => Ok(Done::Elsewhere),
        };
    }
    if flags & libc::O_TMPFILE == libc::O_TMPFILE {
        return os(libc::EOPNOTSUPP);
    }
    let (access, creates) = (flags & libc::O_ACCMODE, flags & libc::O_CREAT != 0);
    let create_new = creates && flags & libc::O_EXCL != 0;
    let request = DiskRequest::Open {
        path: path.clone(),
        read: true,
        // To make a file takes the right to write to it, and so does to empty it.
        write: access != libc::O_RDONLY || creates || flags & libc::O_TRUNC != 0,
        truncate: flags & libc::O_TRUNC != 0 && access != libc::O_RDONLY,
        create: creates,
        create_new,
    };
    match ask(request) {
        Ok(DiskAnswer::Number(number)) => {
            if flags & libc::O_DIRECTORY != 0 {
                give_back(number)?;
                return os(libc::ENOTDIR);
            }
            new_descriptor(move || file(Some(number), path, flags), flags).map(Done::Here)
        }
        Ok(_) => os(libc::EIO),
        Err(error) if error.raw_os_error() == Some(libc::EISDIR) && access == libc::O_RDONLY => {
            if creates {
                return Err(error);
            }
            new_descriptor(move || file(None, path, flags), flags).map(Done::Here)
        }
        Err(error) if writes => Err(error),
        Err(error)
            if error.raw_os_error() == Some(libc::ENOENT)
                && let Found::Text(bytes) = machine::read(&normal(&path)) =>
        {
            open_text(bytes, flags).map(Done::Here)
        }
        Err(error) => here(Err(error)),
    }
}

/// # Safety
///
/// As `openat(2)`; `real` passes the call on.
unsafe fn open_at(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    real: impl FnOnce() -> c_int,
) -> c_int {
    if !in_run() {
        return real();
    }
    // What is not simulated is passed on in the way that the filter lets through.
    // SAFETY: the arguments are the caller's.
    let really = || unsafe { open_really(directory, path, flags) };
    if !is_inside() {
        return really();
    }
    // SAFETY: the caller vouches for the path.
    match unsafe { absolute(directory, path) }.and_then(|path| open_here(path, flags)) {
        Ok(Done::Here(fd)) => fd,
        Ok(Done::Elsewhere) => really(),
        Err(error) => answer(|| Err(error)),
    }
}

/// Defines the functions that open, whose last argument is there only if a file may be made.
macro_rules! opens {
    ($($name:ident $at:ident)*) => {$(
        /// # Safety
        ///
        /// As `open(2)`.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            let real = || {
                // SAFETY: this is libc's function of that name and type, and the arguments are the
                // caller's.
                unsafe {
                    let next: unsafe extern "C" fn(*const c_char, c_int, mode_t) -> c_int =
                        std::mem::transmute(NEXT.get());
                    next(path, flags, mode)
                }
            };
            // SAFETY: as above.
            unsafe { open_at(AT_FDCWD, path, flags, real) }
        }

        /// # Safety
        ///
        /// As `openat(2)`.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $at(
            directory: c_int,
            path: *const c_char,
            flags: c_int,
            mode: mode_t,
        ) -> c_int {
            static NEXT: Next = Next::named(concat!(stringify!($at), "\0"));
            let real = || {
                // SAFETY: as in the function above.
                unsafe {
                    let next: unsafe extern "C" fn(c_int, *const c_char, c_int, mode_t) -> c_int =
                        std::mem::transmute(NEXT.get());
                    next(directory, path, flags, mode)
                }
            };
            // SAFETY: as above.
            unsafe { open_at(directory, path, flags, real) }
        }
    )*};
}

opens! {
    open openat
    open64 openat64
}

/// A descriptor for a directory.
pub(super) fn open_directory(path: PathBuf) -> io::Result<c_int> {
    new_descriptor(move || file(None, path, libc::O_RDONLY), libc::O_CLOEXEC)
}
