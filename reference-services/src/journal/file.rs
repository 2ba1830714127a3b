//! The file of a journal: opened, appended to, repaired, and rewritten.

use std::{
    fs::TryLockError,
    io,
    path::{Path, PathBuf},
};

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::frame::{self, DamageKind, FRAME_BYTES_MAX, MAGIC, MAGIC_BEFORE};

/// A batch that is being rewritten is cut into frames of about this size.
const REWRITE_BYTES: usize = 1 << 20;

/// So much is written to find out whether the disk takes anything.
const PROBE_BYTES: usize = 64 << 10;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// There is damage that no loss of power explains. Nothing was changed.
    #[error("expected a whole frame at byte {offset} of {length}, found {kind}")]
    #[non_exhaustive]
    Damaged {
        /// Where it begins.
        offset: usize,
        /// How long the file is.
        length: usize,
        /// What it is.
        kind: DamageKind,
    },
    /// Another process has it. Nothing was read.
    #[error("expected to be the only one with it, found {} locked by another process", .0.display())]
    Locked(PathBuf),
    /// A record is none of ours.
    #[error("expected a record that can be read, found: {0}")]
    Record(#[from] prost::DecodeError),
}

/// What is found when a journal is opened.
pub(super) struct Found {
    /// The records in order.
    pub(super) records: Vec<Vec<u8>>,
    /// How many of them are in the last frame: they may not have been answered for.
    pub(super) last: usize,
    /// It is of the version before, and has to be written anew before anything is added: whoever knows
    /// that version only must not take it for one.
    pub(super) outdated: bool,
}

/// What a journal does not sync. Everything is synced, unless a mistake is planted in the service
/// that keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unsynced {
    /// All is well.
    #[default]
    Nothing,
    /// Batches, and so everything.
    Batches,
    /// The records of a file that takes the old one's place.
    Rewrites,
}

/// Who else may have the journal while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody: it is locked before it is read, and for as long as it is open.
    Alone,
    /// Anybody who opens it.
    Shared,
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// The lock, which ends with the last descriptor of its file. It is a file of its own, since the
    /// journal is replaced by another one time and again.
    _lock: Option<std::fs::File>,
    /// How much of the file is whole frames that were synced.
    len: u64,
    /// What is behind `len` may be anything, and the file's name may not be durable.
    unsettled: bool,
    /// A sync of the name has failed: no later one makes it durable.
    unnamed: bool,
    pub(super) unsynced: Unsynced,
}

impl Journal {
    /// Opens the journal at `path`; makes an empty one if there is none.
    pub(super) async fn open(path: &Path, access: Access) -> Result<(Self, Found), OpenError> {
        fs::create_dir_all(folder(path)).await?;
        let lock = match access {
            Access::Alone => Some(lock(path).await?),
            Access::Shared => None,
        };
        let content = match fs::read(path).await {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (file, len) = write_beside(path, &[], false).await?;
                let mut journal = Self::unsettled(path, file, len, lock);
                journal.settle().await?;
                return Ok((journal, Found { records: Vec::new(), last: 0, outdated: false }));
            }
            Err(error) => return Err(error.into()),
        };
        let scan = match access {
            Access::Alone => frame::scan(&content),
            Access::Shared => frame::scan_shared(&content),
        };
        let scan = scan.map_err(|damage| OpenError::Damaged {
            offset: damage.offset,
            length: content.len(),
            kind: damage.kind,
        })?;
        let torn = content.len() - scan.sound;
        if torn > 0 {
            tracing::warn!(
                file = %path.display(), offset = scan.sound, bytes = torn, "dropped a torn tail"
            );
        }
        let file = append_to(path).await?;
        let len = scan.sound as u64;
        let mut journal = Self::unsettled(path, file, len, lock);
        // The last frame may have survived its process without ever having been synced.
        journal.settle().await?;
        let records = scan.records.into_iter().map(|place| content[place].to_vec()).collect();
        let outdated = content.starts_with(&MAGIC_BEFORE);
        Ok((journal, Found { records, last: scan.last, outdated }))
    }

    /// Does the disk take as much as a large batch? It is told to keep it, beside the journal, and then
    /// to forget it.
    pub(super) async fn has_room(&self) -> io::Result<()> {
        let path = named_beside(&self.path, ".probe");
        let written = async {
            let mut file = File::create(&path).await?;
            file.write_all(&[0x5a; PROBE_BYTES]).await?;
            file.flush().await?;
            file.sync_all().await
        };
        let written = written.await;
        // What is left of it is written over by the next one.
        let _ = fs::remove_file(&path).await;
        written
    }

    fn unsettled(path: &Path, file: File, len: u64, lock: Option<std::fs::File>) -> Self {
        let (path, unsynced) = (path.to_owned(), Unsynced::Nothing);
        Self { path, file, _lock: lock, len, unsettled: true, unnamed: false, unsynced }
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> u64 {
        self.len
    }

    /// Makes a batch of records durable. After an error none of it is in the journal.
    pub(super) async fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        if self.unsettled {
            self.settle().await?;
        }
        let frame = frame::encode(self.len, records);
        if frame.len() > FRAME_BYTES_MAX {
            // It would be taken for damage when it is read.
            let found = format!("expected at most {FRAME_BYTES_MAX} bytes, found {}", frame.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, found));
        }
        // Until it is synced: also if nobody waits for this any more.
        self.unsettled = true;
        self.file.write_all(&frame).await?;
        self.file.flush().await?;
        if self.unsynced != Unsynced::Batches {
            self.file.sync_data().await?;
        }
        self.len += frame.len() as u64;
        self.unsettled = false;
        Ok(())
    }

    /// Cuts off what a failed write has left, and makes what is before it durable. A sync that
    /// has failed is not simply tried again: the kernel may have dropped what it could not write,
    /// and the next sync would say that all is well. What is behind `len` is rewritten, and so is
    /// the whole file if it was the sync of its name.
    async fn settle(&mut self) -> io::Result<()> {
        if self.unnamed {
            let mut content = fs::read(&self.path).await?;
            content.truncate(usize::try_from(self.len).unwrap_or(usize::MAX));
            let (beside, mut file) = begin_beside(&self.path).await?;
            file.write_all(&content).await?;
            give_name(&mut file, &beside, &self.path).await?;
        }
        let file = append_to(&self.path).await?;
        file.set_len(self.len).await?;
        file.sync_all().await?;
        self.unnamed = true;
        sync_dir(folder(&self.path)).await?;
        self.file = file;
        (self.unsettled, self.unnamed) = (false, false);
        Ok(())
    }

    /// Replaces the journal by one with these records only. After an error it is as it was.
    pub(super) async fn rewrite(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        if self.unsettled {
            self.settle().await?;
        }
        let early = self.unsynced == Unsynced::Rewrites;
        let (file, len) = write_beside(&self.path, records, early).await?;
        if early {
            // Defect: the next batch is the first that makes the content durable.
            (self.file, self.len) = (file, len);
            return sync_dir(folder(&self.path)).await;
        }
        // The new file has the name from here on, but perhaps not after a loss of power.
        (self.file, self.len, self.unsettled, self.unnamed) = (file, len, true, false);
        self.settle().await
    }
}

/// Writes a journal beside its place, syncs it, and only then gives it its name.
async fn write_beside(path: &Path, records: &[Vec<u8>], early: bool) -> io::Result<(File, u64)> {
    let (beside, mut file) = begin_beside(path).await?;
    file.write_all(&MAGIC).await?;
    if early {
        // Defect: what is synced has no records yet.
        file.flush().await?;
        file.sync_all().await?;
    }
    let mut len = MAGIC.len() as u64;
    let mut rest = records;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|record| {
            bytes += record.len();
            bytes <= REWRITE_BYTES
        });
        let (batch, more) = rest.split_at(fits.count().max(1));
        let frame = frame::encode(len, batch);
        file.write_all(&frame).await?;
        len += frame.len() as u64;
        rest = more;
    }
    if early {
        file.flush().await?;
        fs::rename(&beside, path).await?;
    } else {
        give_name(&mut file, &beside, path).await?;
    }
    Ok((file, len))
}

async fn begin_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let beside = path.with_extension("new");
    let file = File::create(&beside).await?;
    Ok((beside, file))
}

async fn give_name(file: &mut File, beside: &Path, path: &Path) -> io::Result<()> {
    file.flush().await?;
    file.sync_all().await?;
    fs::rename(beside, path).await
}

/// Locks the journal at `path` against all others who do this, in this process or another one.
async fn lock(path: &Path) -> Result<std::fs::File, OpenError> {
    let path = named_beside(path, ".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).await?;
    let file = file.into_std().await;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path)),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn named_beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

async fn append_to(path: &Path) -> io::Result<File> {
    File::options().append(true).open(path).await
}

/// Makes the names in a directory durable.
async fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path).await?.sync_all().await
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
