//! The file that a snapshot is kept in: written beside it and then put in its place, so that a
//! pod which dies in between leaves the one before.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::{
    entries::Entries,
    snapshot::{BYTES_MAX, Pieces, Snapshot},
};

/// Puts a snapshot of these entries in the place of the one at `path`.
pub(super) async fn write(path: &Path, entries: &Entries) -> io::Result<()> {
    let beside = beside(path);
    let mut file = File::create(&beside).await?;
    let mut pieces = Pieces::of(entries);
    while let Some(piece) = pieces.next(entries) {
        file.write_all(&piece).await?;
    }
    file.flush().await?;
    file.sync_all().await?;
    drop(file);
    fs::rename(&beside, path).await
}

/// Reads the snapshot at `path`.
pub(super) async fn read(path: &Path) -> Result<Snapshot, Box<dyn Error + Send + Sync>> {
    let length = fs::metadata(path).await?.len();
    if length > BYTES_MAX as u64 {
        return Err(format!("expected at most {BYTES_MAX} bytes, found {length}").into());
    }
    Ok(Snapshot::decode(&fs::read(path).await?)?)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}
