//! What is known of a file besides its content.

use std::{io, path::Path, time::SystemTime};

#[cfg(feature = "sim")]
use crate::sim::{DiskAnswer, DiskRequest};

/// What is known of a file or directory, as `std::fs::Metadata` tells it.
#[derive(Clone, Debug)]
pub struct Metadata(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Os(std::fs::Metadata),
    #[cfg(feature = "sim")]
    Sim(crate::sim::FileStatus),
}

/// Asks whichever this is.
macro_rules! either {
    ($self:expr, $os:ident => $real:expr, $sim:ident => $simulated:expr) => {
        match &$self.0 {
            Inner::Os($os) => $real,
            #[cfg(feature = "sim")]
            Inner::Sim($sim) => $simulated,
        }
    };
}

impl Metadata {
    /// The length of the file in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "std::fs::Metadata has none either")]
    pub fn len(&self) -> u64 {
        either!(self, os => os.len(), sim => sim.len)
    }

    /// Is it a regular file?
    #[must_use]
    pub fn is_file(&self) -> bool {
        either!(self, os => os.is_file(), sim => !sim.is_dir)
    }

    /// Is it a directory?
    #[must_use]
    pub fn is_dir(&self) -> bool {
        either!(self, os => os.is_dir(), sim => sim.is_dir)
    }

    /// When its content was changed last.
    ///
    /// # Errors
    ///
    /// On platforms that do not keep this time. Never inside a run.
    pub fn modified(&self) -> io::Result<SystemTime> {
        either!(self, os => os.modified(), sim => Ok(sim.modified))
    }
}

impl From<std::fs::Metadata> for Metadata {
    fn from(metadata: std::fs::Metadata) -> Self {
        Self(Inner::Os(metadata))
    }
}

#[cfg(feature = "sim")]
impl From<DiskAnswer> for Metadata {
    fn from(answer: DiskAnswer) -> Self {
        Self(Inner::Sim(answer.status()))
    }
}

/// What is known of the file or directory at `path`.
///
/// # Errors
///
/// As `tokio::fs::metadata`: there is none, or it cannot be read.
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    #[cfg(feature = "sim")]
    if crate::sim::active() {
        let path = path.as_ref().to_owned();
        return Ok(crate::sim::ask_disk(DiskRequest::StatusAt { path }).await?.into());
    }
    Ok(tokio::fs::metadata(path).await?.into())
}

/// Is there something at `path`?
///
/// # Errors
///
/// As `tokio::fs::try_exists`: when that cannot be told.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    match metadata(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
