//! The names of Unix sockets.

use std::path::PathBuf;

use libc::{sockaddr, socklen_t};

/// The name of a Unix socket: as it was given, and what it is known by on its host.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) given: Vec<u8>,
    pub(crate) place: PathBuf,
}

impl Name {
    /// Abstract names begin with a zero, and are no files.
    pub(crate) fn is_abstract(&self) -> bool {
        self.given.first() == Some(&0)
    }
}

/// Writes the address of a Unix socket, as far as there is room.
///
/// # Safety
///
/// The places are null or the caller's.
pub(crate) unsafe fn write_name(name: Option<&Name>, out: *mut sockaddr, length: *mut socklen_t) {
    if out.is_null() || length.is_null() {
        return;
    }
    let mut bytes = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or(0).to_ne_bytes().to_vec();
    if let Some(name) = name {
        bytes.extend(&name.given);
        if !name.is_abstract() {
            bytes.push(0);
        }
    }
    // SAFETY: no more is written than there is room for.
    unsafe {
        let room = (*length as usize).min(bytes.len());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast(), room);
        *length = socklen_t::try_from(bytes.len()).unwrap_or(0);
    }
}
