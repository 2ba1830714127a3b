//! What is wrong with a configuration, in one sentence.

use std::io;

use super::Invalid;

/// A configuration that cannot be used: what was expected, what was found, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("expected a readable configuration {at}, found: {reason}")]
    #[non_exhaustive]
    Unreadable {
        /// Which file.
        at: String,
        /// What the operating system says.
        reason: String,
    },
    /// A field is unknown or of the wrong type, or the text is no TOML.
    #[error("bad configuration {at}: {reason}")]
    #[non_exhaustive]
    Malformed {
        /// Which layer.
        at: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A value is out of its range.
    #[error("bad configuration in {0}")]
    Invalid(#[from] Invalid),
}

impl ConfigError {
    pub(super) fn unreadable(at: String, error: &io::Error) -> Self {
        Self::Unreadable { at, reason: error.to_string() }
    }

    /// The first line only, without the excerpt that follows it, and the line number if known.
    pub(super) fn malformed(at: String, error: &toml::de::Error) -> Self {
        let text = error.to_string();
        let place = text.lines().next().and_then(|line| line.strip_prefix("TOML parse error at "));
        let at = place.map_or_else(|| at.clone(), |place| format!("{at}, {place}"));
        Self::Malformed { at, reason: error.message().replace('\n', ", ") }
    }
}
