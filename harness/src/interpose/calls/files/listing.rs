//! The calls of libc that read directories.

use std::{
    ffi::{OsString, c_char, c_void},
    io,
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
};

use libc::{AT_FDCWD, DIR, c_int, dirent, dirent64};

use super::{
    disk::ask,
    open::open_directory,
    open_file::{known, path_of_directory, set_position},
    path::{absolute, here, on_paths},
};
use crate::interpose::{
    answers::{Answer, answer, os},
    descriptors::is_simulated,
    kernel::{DiskAnswer, DiskRequest},
    real::Next,
};

/// A listing of ours, by what it begins with: one of libc's begins with a descriptor and a lock.
const OURS: u64 = 0x5371_7561_6c6c_6472;

#[repr(C)]
struct Listing {
    mark: u64,
    /// The descriptor that it was made of, closed with it.
    fd: c_int,
    names: Vec<OsString>,
    next: usize,
    entry: dirent,
    entry64: dirent64,
}

impl Answer for *mut DIR {
    const FAILED: Self = std::ptr::null_mut();
}

/// # Safety
///
/// `directory` is null or what one of these functions has returned.
unsafe fn ours<'a>(directory: *mut DIR) -> Option<&'a mut Listing> {
    // SAFETY: both begin with eight bytes at least.
    if directory.is_null() || unsafe { directory.cast::<u64>().read() } != OURS {
        return None;
    }
    // SAFETY: it is one of ours.
    Some(unsafe { &mut *directory.cast::<Listing>() })
}

/// A listing of the directory at `path`, with a descriptor that it owns: this one, or another.
fn list(path: PathBuf, fd: Option<c_int>) -> io::Result<*mut DIR> {
    let DiskAnswer::Names(names) = ask(DiskRequest::ReadDir { path: path.clone() })? else {
        return os(libc::EIO);
    };
    let fd = match fd {
        Some(fd) => fd,
        None => open_directory(path)?,
    };
    let all = [OsString::from("."), OsString::from("..")].into_iter().chain(names);
    // SAFETY: entries of zeros are valid.
    let (entry, entry64) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    let listing = Listing { mark: OURS, fd, names: all.collect(), next: 0, entry, entry64 };
    Ok(Box::into_raw(Box::new(listing)).cast())
}

on_paths! {
    /// `opendir(3)`
    fn opendir(path: *const c_char) -> *mut DIR {
        // SAFETY: the path is the caller's.
        let path = unsafe { absolute(AT_FDCWD, path) }?;
        here(list(path, None))
    }
}

/// # Safety
///
/// As `fdopendir(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn fdopendir(fd: c_int) -> *mut DIR {
    if is_simulated(fd) {
        return answer(|| list(path_of_directory(fd)?, Some(fd)));
    }
    static NEXT: Next = Next::named("fdopendir\0");
    // SAFETY: this is libc's function of that name and type.
    unsafe {
        let next: unsafe extern "C" fn(c_int) -> *mut DIR = std::mem::transmute(NEXT.get());
        next(fd)
    }
}

impl Listing {
    /// The next name, as C has it.
    fn step(&mut self) -> Option<(u64, Vec<u8>)> {
        let name = self.names.get(self.next)?.as_bytes().to_vec();
        self.next += 1;
        Some((self.next as u64, name))
    }
}

/// Defines the functions that read a directory, with their shapes of an entry.
macro_rules! reads {
    ($($name:ident $shape:ident $entry:ident)*) => {$(
        /// # Safety
        ///
        /// As `readdir(3)`.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(directory: *mut DIR) -> *mut $shape {
            // SAFETY: the directory is the caller's.
            if let Some(listing) = unsafe { ours(directory) } {
                let Some((number, name)) = listing.step() else { return std::ptr::null_mut() };
                let entry = &mut listing.$entry;
                entry.d_ino = number;
                entry.d_off = number.cast_signed();
                entry.d_reclen = u16::try_from(size_of::<$shape>()).unwrap_or(u16::MAX);
                // Whoever wants to know asks for the status.
                entry.d_type = libc::DT_UNKNOWN;
                let room = entry.d_name.len() - 1;
                entry.d_name.fill(0);
                for (place, byte) in entry.d_name.iter_mut().take(room).zip(name) {
                    *place = byte as c_char;
                }
                return entry;
            }
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            // SAFETY: this is libc's function of that name and type.
            unsafe {
                let next: unsafe extern "C" fn(*mut DIR) -> *mut $shape =
                    std::mem::transmute(NEXT.get());
                next(directory)
            }
        }
    )*};
}

reads! {
    readdir dirent entry
    readdir64 dirent64 entry64
}

/// # Safety
///
/// As `closedir(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn closedir(directory: *mut DIR) -> c_int {
    // SAFETY: the directory is the caller's.
    if let Some(listing) = unsafe { ours(directory) } {
        let fd = listing.fd;
        listing.mark = 0;
        // SAFETY: it was boxed when it was made, and is given back once.
        drop(unsafe { Box::from_raw(directory.cast::<Listing>()) });
        // SAFETY: it belongs to the listing.
        return unsafe { libc::close(fd) };
    }
    static NEXT: Next = Next::named("closedir\0");
    // SAFETY: this is libc's function of that name and type.
    unsafe {
        let next: unsafe extern "C" fn(*mut DIR) -> c_int = std::mem::transmute(NEXT.get());
        next(directory)
    }
}

/// # Safety
///
/// As `rewinddir(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn rewinddir(directory: *mut DIR) {
    // SAFETY: the directory is the caller's.
    if let Some(listing) = unsafe { ours(directory) } {
        listing.next = 0;
        return;
    }
    static NEXT: Next = Next::named("rewinddir\0");
    // SAFETY: this is libc's function of that name and type.
    unsafe {
        let next: unsafe extern "C" fn(*mut DIR) = std::mem::transmute(NEXT.get());
        next(directory);
    }
}

/// # Safety
///
/// As `dirfd(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn dirfd(directory: *mut DIR) -> c_int {
    // SAFETY: the directory is the caller's.
    if let Some(listing) = unsafe { ours(directory) } {
        return listing.fd;
    }
    static NEXT: Next = Next::named("dirfd\0");
    // SAFETY: this is libc's function of that name and type.
    unsafe {
        let next: unsafe extern "C" fn(*mut c_void) -> c_int = std::mem::transmute(NEXT.get());
        next(directory.cast())
    }
}

/// `getdents64(2)`: the entries from where the descriptor stands, as many as there is room for. How many
/// bytes are they?
///
/// # Safety
///
/// There are `room` bytes at `out`.
pub(crate) unsafe fn entries(fd: c_int, out: *mut u8, room: usize) -> isize {
    answer(|| {
        let path = path_of_directory(fd)?;
        let DiskAnswer::Names(names) = ask(DiskRequest::ReadDir { path })? else {
            return os(libc::EIO);
        };
        let all = [OsString::from("."), OsString::from("..")].into_iter().chain(names);
        let from = usize::try_from(known(fd)?.position).unwrap_or(usize::MAX);
        let (mut bytes, mut next) = (Vec::new(), from as u64);
        for name in all.skip(from) {
            let name = name.as_bytes();
            // A number, where the next one is, a length and a kind, and the name with its end.
            let length = (19 + name.len() + 1).next_multiple_of(8);
            if bytes.len() + length > room {
                break;
            }
            next += 1;
            let begin = bytes.len();
            bytes.extend(next.to_ne_bytes());
            bytes.extend(next.to_ne_bytes());
            bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes());
            bytes.push(libc::DT_UNKNOWN);
            bytes.extend(name);
            bytes.resize(begin + length, 0);
        }
        if bytes.is_empty() && room == 0 {
            return os(libc::EINVAL);
        }
        set_position(fd, next)?;
        // SAFETY: no more is written than there is room for.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out, bytes.len()) };
        Ok(bytes.len().cast_signed())
    })
}
