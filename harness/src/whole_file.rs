//! Files that are there wholly or not at all, whatever happens while they are written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Writes a file beside `path`, and puts it in its place.
///
/// # Errors
///
/// When it cannot be written or put there: nothing is left of it then.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let beside = beside(path);
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.inspect_err(|_| {
        // It may never have been made.
        let _ = fs::remove_file(&beside);
    })
}

/// Finds out whether a file could be written, before it takes long to make what is to be in it.
///
/// # Errors
///
/// When it could not.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let beside = beside(path);
    fs::write(&beside, "").and_then(|()| fs::remove_file(&beside))
}

fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    beside.into()
}
