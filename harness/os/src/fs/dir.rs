//! Directories, and the names of files in them.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use super::Metadata;
#[cfg(feature = "sim")]
use crate::sim::DiskRequest;

/// The entries of a directory, as `tokio::fs::ReadDir` gives them. Inside a run they come in the
/// order of their names; elsewhere in any order.
#[derive(Debug)]
pub struct ReadDir(Inner);

#[derive(Debug)]
enum Inner {
    Os(tokio::fs::ReadDir),
    #[cfg(feature = "sim")]
    Sim(std::vec::IntoIter<PathBuf>),
}

impl ReadDir {
    /// The next entry; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As `tokio::fs::ReadDir::next_entry`.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        match &mut self.0 {
            Inner::Os(entries) => {
                Ok(entries.next_entry().await?.map(|entry| DirEntry { path: entry.path() }))
            }
            #[cfg(feature = "sim")]
            Inner::Sim(entries) => Ok(entries.next().map(|path| DirEntry { path })),
        }
    }
}

/// An entry of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    path: PathBuf,
}

impl DirEntry {
    /// The path of the entry: that of the directory as it was given, and the name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The name of the entry in its directory.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().to_owned()
    }

    /// What is known of the entry.
    ///
    /// # Errors
    ///
    /// As [`metadata`](super::metadata()): it was removed meanwhile, or cannot be read.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        super::metadata(&self.path).await
    }
}

/// Performs a request on the simulated disk, if there is one, and returns.
macro_rules! inside_a_run {
    ($request:expr) => {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            return crate::sim::ask_disk($request).await.map(|_| ());
        }
    };
}

/// The entries of the directory at `path`.
///
/// # Errors
///
/// As `tokio::fs::read_dir`: there is none, or it is no directory.
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    #[cfg(feature = "sim")]
    if crate::sim::active() {
        let path = path.as_ref();
        let request = DiskRequest::ReadDir { path: path.to_owned() };
        let names = crate::sim::ask_disk(request).await?.names();
        let paths: Vec<PathBuf> = names.into_iter().map(|name| path.join(name)).collect();
        return Ok(ReadDir(Inner::Sim(paths.into_iter())));
    }
    Ok(ReadDir(Inner::Os(tokio::fs::read_dir(path).await?)))
}

/// Makes a directory.
///
/// # Errors
///
/// As `tokio::fs::create_dir`: there is something at `path`, or no directory to put it in.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    inside_a_run!(DiskRequest::CreateDir { path: path.as_ref().to_owned(), all: false });
    tokio::fs::create_dir(path).await
}

/// Makes a directory and those that it is in, as far as they are not there yet.
///
/// # Errors
///
/// As `tokio::fs::create_dir_all`: something that is no directory is in the way.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    inside_a_run!(DiskRequest::CreateDir { path: path.as_ref().to_owned(), all: true });
    tokio::fs::create_dir_all(path).await
}

/// Gives the file or directory at `from` the path `to`, in one step; a file that was there is
/// replaced.
///
/// # Errors
///
/// As `tokio::fs::rename`: there is nothing at `from`, or what is at `to` cannot be replaced.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    inside_a_run!(DiskRequest::Rename {
        from: from.as_ref().to_owned(),
        to: to.as_ref().to_owned()
    });
    tokio::fs::rename(from, to).await
}

/// Removes a file. Who has it open keeps it until then.
///
/// # Errors
///
/// As `tokio::fs::remove_file`: there is none at `path`.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    inside_a_run!(DiskRequest::RemoveFile { path: path.as_ref().to_owned() });
    tokio::fs::remove_file(path).await
}

/// Removes a directory with all that is in it.
///
/// # Errors
///
/// As `tokio::fs::remove_dir_all`: there is none at `path`.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    inside_a_run!(DiskRequest::RemoveDirAll { path: path.as_ref().to_owned() });
    tokio::fs::remove_dir_all(path).await
}

/// Makes durable which names the directory at `path` has for which files: what was created,
/// renamed and removed in it. `tokio::fs` has no such function; this one opens the directory and
/// calls `fsync` on it, as POSIX asks for.
///
/// # Errors
///
/// When there is no directory at `path`, or the disk reports an error.
pub async fn sync_dir(path: impl AsRef<Path>) -> io::Result<()> {
    inside_a_run!(DiskRequest::SyncDir { path: path.as_ref().to_owned() });
    tokio::fs::File::open(path).await?.sync_all().await
}
