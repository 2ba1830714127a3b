//! The open file that a descriptor refers to: what is known of it, and where it stands.

use std::{io, path::PathBuf};

use libc::c_int;

use crate::interpose::{
    answers::os,
    descriptors::{Kind, Text, get},
    threads::at_kernel,
};

/// What is to be known of an open file before something is done with it.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) number: Option<u64>,
    pub(super) path: PathBuf,
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) append: bool,
    pub(super) position: u64,
}

/// The open file that a descriptor refers to.
///
/// # Errors
///
/// `EBADF` for one that is closed, `EINVAL` for one that is no file.
pub(super) fn known(fd: c_int) -> io::Result<Known> {
    at_kernel(|| {
        let object = get(fd)?;
        let Kind::File(file) = &object.kind else { return os(libc::EINVAL) };
        Ok(Known {
            number: file.number,
            path: file.path.clone(),
            readable: file.readable,
            writable: file.writable,
            append: file.append,
            position: file.position.get(),
        })
    })
}

/// Is it an open file or directory, or a source of randomness?
pub(crate) fn is_file(fd: c_int) -> io::Result<bool> {
    at_kernel(|| {
        let kind = &get(fd)?.kind;
        Ok(matches!(kind, Kind::File(_) | Kind::Random | Kind::Text(_)))
    })
}

/// Does something with a text; `None` if it is none.
pub(super) fn with_text<R: Send>(
    fd: c_int,
    act: impl FnOnce(&Text) -> R + Send,
) -> io::Result<Option<R>> {
    at_kernel(|| match &get(fd)?.kind {
        Kind::Text(text) => Ok(Some(act(text))),
        _ => Ok(None),
    })
}

impl Known {
    /// The number of the file, if it is one.
    pub(super) fn file(&self) -> io::Result<u64> {
        self.number.ok_or_else(|| io::Error::from_raw_os_error(libc::EISDIR))
    }
}

/// From now on the next read or write is there.
pub(super) fn set_position(fd: c_int, position: u64) -> io::Result<()> {
    at_kernel(|| {
        if let Kind::File(file) = &get(fd)?.kind {
            file.position.set(position);
        }
        Ok(())
    })
}

/// Is this a directory of a simulated disk? If so, its path.
pub(super) fn path_of_directory(fd: c_int) -> io::Result<PathBuf> {
    let known = known(fd)?;
    if known.number.is_some() { os(libc::ENOTDIR) } else { Ok(known.path) }
}
