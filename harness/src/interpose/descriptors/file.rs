//! Open files and directories of a simulated disk, and texts that are read as files are.

use std::{cell::Cell, path::PathBuf, rc::Rc};

use libc::c_int;

use crate::interpose::kernel::{DiskRequest, Kernel};

/// An open file or directory, closed when it is dropped.
pub(crate) struct OpenFile {
    pub(crate) kernel: Rc<dyn Kernel>,
    /// Of which process it is.
    pub(crate) process: u32,
    /// The number that the disk knows it by; none for a directory.
    pub(crate) number: Option<u64>,
    pub(crate) path: PathBuf,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) append: bool,
    /// Where the next read or write is.
    pub(crate) position: Cell<u64>,
    /// How `flock(2)` has locked it: not, shared or exclusively.
    pub(crate) lock: Cell<Lock>,
}

impl OpenFile {
    /// How it was opened, as `open(2)` has it.
    pub(crate) fn access(&self) -> c_int {
        let access = match (self.readable, self.writable) {
            (true, true) => libc::O_RDWR,
            (false, _) => libc::O_WRONLY,
            (true, false) => libc::O_RDONLY,
        };
        access | if self.append { libc::O_APPEND } else { 0 }
    }
}

/// What `flock(2)` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    None,
    Shared,
    Exclusive,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(file) = self.number {
            self.kernel.disk(DiskRequest::Close { file });
        }
    }
}

/// A text that is read from where it stands.
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) position: Cell<usize>,
}
