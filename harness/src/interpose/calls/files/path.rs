//! Paths as C code names them, and how the functions of libc on them are defined.

use std::{
    ffi::{CStr, OsStr, c_char},
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use libc::{AT_FDCWD, c_int};

use super::{open_file::known, working::working};
use crate::interpose::{answers::os, descriptors::is_simulated};

/// Without `.`, `..` and doubled slashes, from the root on: of a path that leads to something.
pub(crate) fn normal(path: &Path) -> PathBuf {
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
        return Ok(working()?.join(path));
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
            if $crate::interpose::threads::is_inside() {
                let act = || -> ::std::io::Result<$crate::interpose::calls::files::path::Done<$ret>> { $body };
                match act() {
                    Ok($crate::interpose::calls::files::path::Done::Here(result)) => return result,
                    Ok($crate::interpose::calls::files::path::Done::Elsewhere) => {}
                    Err(error) => return $crate::interpose::answers::answer(|| Err(error)),
                }
            }
            static NEXT: $crate::interpose::real::Next =
                $crate::interpose::real::Next::named(concat!(stringify!($name), "\0"));
            let next: unsafe extern "C" fn($($ty),*) -> $ret =
                // SAFETY: this is libc's function of that name and type.
                unsafe { std::mem::transmute(NEXT.get()) };
            // SAFETY: the arguments are the caller's.
            $crate::interpose::real::passing(|| unsafe { next($($arg),*) })
        }
    )*};
}
pub(super) use on_paths;
