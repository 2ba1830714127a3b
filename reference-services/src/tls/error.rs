//! What is wrong with a file of TLS.

use std::{borrow::Cow, io, path::PathBuf};

/// A file that cannot be used: what was expected, what was found, and where. No error shows what is in
/// a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: expected {expected}, found {found}", path.display())]
pub struct TlsError {
    pub(super) path: PathBuf,
    pub(super) expected: Cow<'static, str>,
    pub(super) found: String,
}

impl TlsError {
    pub(super) fn new(
        path: impl Into<PathBuf>,
        expected: impl Into<Cow<'static, str>>,
        found: impl ToString,
    ) -> Self {
        Self { path: path.into(), expected: expected.into(), found: found.to_string() }
    }

    pub(super) fn unreadable(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self::new(path, "a readable file", error)
    }
}
