//! What simulated files ask of the disk of their host.

use std::{
    ffi::OsString,
    future::{Future, poll_fn},
    io::{self, SeekFrom},
    path::PathBuf,
    task::{Context, Poll},
    time::SystemTime,
};

use super::with;

/// Something that a process asks of the disk of its host. Open files are known by number.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of the functions of crate::fs")]
pub enum DiskRequest {
    /// Opens a file. Answered with its number.
    Open {
        path: PathBuf,
        read: bool,
        write: bool,
        append: bool,
        truncate: bool,
        create: bool,
        create_new: bool,
    },
    /// Closes a file, after what was asked before.
    Close { file: u64 },
    /// Reads at most so many bytes from where the file stands. None are there at the end.
    Read { file: u64, bytes_max: usize },
    /// Writes all of `data` to where the file stands, less `back` bytes.
    Write { file: u64, back: u64, data: Vec<u8> },
    /// Reads at most so many bytes from `at` on. None are there at the end.
    ReadAt { file: u64, at: u64, bytes_max: usize },
    /// Writes as much of `data` as there is space for to `at`, or to the end. Answered with where
    /// and how much that was.
    WriteAt { file: u64, at: Option<u64>, data: Vec<u8> },
    /// Moves to another place in the file, at once. Answered with that place.
    Seek { file: u64, to: SeekFrom },
    /// Sets the length of a file.
    SetLen { file: u64, len: u64 },
    /// Makes the content of a file durable.
    Sync { file: u64 },
    /// Asks about an open file.
    Status { file: u64 },
    /// Asks about what is at a path.
    StatusAt { path: PathBuf },
    /// Makes a directory, and those that it is in if `all`.
    CreateDir { path: PathBuf, all: bool },
    /// Asks for the names in a directory.
    ReadDir { path: PathBuf },
    /// Gives a file or directory another path.
    Rename { from: PathBuf, to: PathBuf },
    /// Removes a file.
    RemoveFile { path: PathBuf },
    /// Removes a directory in which nothing is.
    RemoveDir { path: PathBuf },
    /// Removes a directory with all that is in it.
    RemoveDirAll { path: PathBuf },
    /// Makes the names in a directory durable.
    SyncDir { path: PathBuf },
}

/// What the disk answers.
#[expect(missing_docs, reason = "the fields are told with what they are of")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskAnswer {
    /// It is done.
    Done,
    /// The number of the file that was opened, or the place that it stands at.
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
pub struct FileStatus {
    /// Which file of the disk it is, whatever its name.
    pub number: u64,
    /// Its length in bytes; zero for a directory.
    pub len: u64,
    /// Is it a directory?
    pub is_dir: bool,
    /// When its content was changed last.
    pub modified: SystemTime,
}

impl DiskAnswer {
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            other => other.unexpected("a number"),
        }
    }

    pub(crate) fn data(self) -> Vec<u8> {
        match self {
            Self::Data(data) => data,
            other => other.unexpected("data"),
        }
    }

    pub(crate) fn status(self) -> FileStatus {
        match self {
            Self::Status(status) => status,
            other => other.unexpected("a status"),
        }
    }

    pub(crate) fn names(self) -> Vec<OsString> {
        match self {
            Self::Names(names) => names,
            other => other.unexpected("names"),
        }
    }

    fn unexpected(self, expected: &str) -> ! {
        panic!("expected the disk to answer with {expected}, found {self:?}")
    }
}

/// A request that the disk works on. It is performed also when nobody waits for the answer any
/// more, as a system call on another thread would be.
#[derive(Debug)]
pub(super) struct Pending(u64);

impl Pending {
    /// Hands `request` to the disk of the current host; `None` outside a run.
    pub(super) fn submit(request: DiskRequest) -> Option<Self> {
        with(|host| host.submit_to_disk(request)).map(Self)
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<DiskAnswer>> {
        with(|host| host.poll_disk(self.0, cx)).unwrap_or(Poll::Pending)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        with(|host| host.forget_disk_answer(self.0));
    }
}

/// Asks the disk of the current host. Never completes outside a run.
pub(crate) fn ask_disk(
    request: DiskRequest,
) -> impl Future<Output = io::Result<DiskAnswer>> + Send {
    let mut request = Some(request);
    let mut pending = None;
    poll_fn(move |cx| {
        if let Some(request) = request.take() {
            pending = Pending::submit(request);
        }
        pending.as_ref().map_or(Poll::Pending, |pending| pending.poll(cx))
    })
}
