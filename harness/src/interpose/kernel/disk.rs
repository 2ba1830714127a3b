//! What the interposed calls ask of the disk of a simulated host.

use std::{ffi::OsString, path::PathBuf, time::SystemTime};

/// Something that a process asks of the disk of its host. Open files are known by number.
#[derive(Clone, Debug)]
pub(crate) enum DiskRequest {
    /// Opens a file. Answered with its number.
    Open { path: PathBuf, read: bool, write: bool, truncate: bool, create: bool, create_new: bool },
    /// Closes a file, after what was asked before.
    Close { file: u64 },
    /// Reads at most so many bytes from `at` on. None are there at the end.
    ReadAt { file: u64, at: u64, bytes_max: usize },
    /// Writes as much of `data` as there is space for to `at`, or to the end. Answered with where
    /// and how much that was.
    WriteAt { file: u64, at: Option<u64>, data: Vec<u8> },
    /// Asks for the length of a file, which takes no time. Answered with a number.
    Length { file: u64 },
    /// Sets the length of a file.
    SetLen { file: u64, len: u64 },
    /// Makes the content of a file durable.
    Sync { file: u64 },
    /// Asks about an open file.
    Status { file: u64 },
    /// Asks about what is at a path.
    StatusAt { path: PathBuf },
    /// The same, of what is known of it in memory, which takes no time and meets no fault.
    StatusInMemory { path: PathBuf },
    /// Makes a directory.
    CreateDir { path: PathBuf },
    /// Asks for the names in a directory.
    ReadDir { path: PathBuf },
    /// Gives a file or directory another path.
    Rename { from: PathBuf, to: PathBuf },
    /// Removes a file.
    RemoveFile { path: PathBuf },
    /// Removes a directory in which nothing is.
    RemoveDir { path: PathBuf },
    /// Makes the names in a directory durable.
    SyncDir { path: PathBuf },
}

/// What the disk answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DiskAnswer {
    /// It is done.
    Done,
    /// The number of the file that was opened, or its length.
    Number(u64),
    /// What was read.
    Data(Vec<u8>),
    /// Where something was written, and how many bytes of it.
    Written { at: u64, bytes: usize },
    /// What is known of a file.
    Status(FileStatus),
    /// The names in a directory, in their order.
    Names(Vec<OsString>),
}

/// What is known of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    /// Which file of the disk it is, whatever its name.
    pub(crate) number: u64,
    /// Its length in bytes; zero for a directory.
    pub(crate) len: u64,
    /// Is it a directory?
    pub(crate) is_dir: bool,
    /// When its content was changed last.
    pub(crate) modified: SystemTime,
}
