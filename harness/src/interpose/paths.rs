//! The calls of libc on paths.
//!
//! Every host has a disk of its own, and `/` is its root, where its process begins. What is not on it is
//! looked for in the real file system, of which a run may read and change nothing: time zones,
//! certificates, a configuration. Of what the kernel says below `/proc` and `/sys`, what is another on
//! each machine is the host's. Of the devices below `/dev`, randomness is the seed's, and those
//! that keep nothing may be written to.

use std::{
    ffi::{CStr, OsStr, c_char},
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use libc::{AT_FDCWD, c_int, mode_t};

use super::{
    Next,
    calls::{answer, os},
    descriptors::{self, Kind, Text, is_simulated},
    directories,
    disk::{DiskAnswer, DiskRequest},
    files::{self, Lock, OpenFile, ask, known, status},
    filter, is_inside,
    machine::{self, Found},
    threads,
};

/// Without `.`, `..` and doubled slashes, from the root on: of a path that leads to something.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => drop(normal.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}

/// The path that C code names, from the root of the host on.
///
/// # Safety
///
/// `path` is a C string.
unsafe fn named(path: *const c_char) -> io::Result<PathBuf> {
    if path.is_null() {
        return os(libc::EFAULT);
    }
    // SAFETY: the caller vouches for it.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    if bytes.is_empty() {
        return os(libc::ENOENT);
    }
    Ok(Path::new(OsStr::from_bytes(bytes)).to_owned())
}

/// The path that C code names relative to a directory.
///
/// # Safety
///
/// `path` is a C string.
pub(super) unsafe fn absolute(directory: c_int, path: *const c_char) -> io::Result<PathBuf> {
    // SAFETY: the caller vouches for it.
    let path = unsafe { named(path) }?;
    if path.is_absolute() {
        return Ok(path);
    }
    if directory == AT_FDCWD {
        return Ok(directories::working()?.join(path));
    }
    if is_simulated(directory) {
        return Ok(known(directory)?.path.join(path));
    }
    // It is in a directory of the machine, which has its own path.
    let real = std::fs::read_link(format!("/proc/self/fd/{directory}"))?;
    Ok(real.join(path))
}

/// Is it of the machine rather than of the host?
pub(super) fn is_of_the_machine(path: &Path) -> bool {
    let path = normal(path);
    ["/dev", "/proc", "/sys"].iter().any(|root| path.starts_with(root))
}

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

/// What becomes of a call on a path.
pub(super) enum Done<T> {
    /// It was about the disk of the host.
    Here(T),
    /// There is no such thing on that: the real file system may have it.
    Elsewhere,
}

/// A result from the disk, unless it has no such thing.
pub(super) fn here<T>(result: io::Result<T>) -> io::Result<Done<T>> {
    match result {
        Ok(found) => Ok(Done::Here(found)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(Done::Elsewhere),
        Err(error) => Err(error),
    }
}

fn new_descriptor(
    kind: impl FnOnce() -> io::Result<Kind> + Send,
    flags: c_int,
) -> io::Result<c_int> {
    threads::at_kernel(|| descriptors::open(kind()?, false, flags & libc::O_CLOEXEC != 0))
}

fn file(number: Option<u64>, path: PathBuf, flags: c_int) -> io::Result<Kind> {
    let access = flags & libc::O_ACCMODE;
    let kernel = super::kernel().ok_or_else(descriptors::bad)?;
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
                files::give_back(number)?;
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
    if !super::in_run() {
        return real();
    }
    // What is not simulated is passed on in the way that the filter lets through.
    // SAFETY: the arguments are the caller's.
    let really = || unsafe { filter::open_really(directory, path, flags) };
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

/// Defines functions of libc on paths: each has what it does on a simulated disk, and what is passed
/// on if that has no such thing, or if no run calls.
macro_rules! on_paths {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As libc's function of that name.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($arg: $ty),*) -> $ret {
            if $crate::interpose::is_inside() {
                let act = || -> ::std::io::Result<$crate::interpose::paths::Done<$ret>> { $body };
                match act() {
                    Ok($crate::interpose::paths::Done::Here(result)) => return result,
                    Ok($crate::interpose::paths::Done::Elsewhere) => {}
                    Err(error) => return $crate::interpose::calls::answer(|| Err(error)),
                }
            }
            static NEXT: $crate::interpose::Next =
                $crate::interpose::Next::named(concat!(stringify!($name), "\0"));
            let next: unsafe extern "C" fn($($ty),*) -> $ret =
                // SAFETY: this is libc's function of that name and type.
                unsafe { std::mem::transmute(NEXT.get()) };
            // SAFETY: the arguments are the caller's.
            $crate::interpose::filter::passing(|| unsafe { next($($arg),*) })
        }
    )*};
}
pub(super) use on_paths;

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
    files::give_back(file)?;
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

/// A descriptor for a directory.
pub(super) fn open_directory(path: PathBuf) -> io::Result<c_int> {
    new_descriptor(move || file(None, path, libc::O_RDONLY), libc::O_CLOEXEC)
}

/// Is this a directory of a simulated disk? If so, its path.
pub(super) fn directory(fd: c_int) -> io::Result<PathBuf> {
    let known = files::known(fd)?;
    if known.number.is_some() { os(libc::ENOTDIR) } else { Ok(known.path) }
}
