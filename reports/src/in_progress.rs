//! What a command that runs scenarios is about, for those who look on from outside.

use serde::{Deserialize, Serialize};

/// How far a command is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InProgress {
    /// Runs that have ended.
    pub done: u64,
    /// Runs in all.
    pub of: u64,
    /// Those that are going on.
    pub running: Vec<Running>,
}

/// A run that is going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The scenario's name.
    pub scenario: String,
    /// The defects that are switched on.
    pub defects: Vec<String>,
    /// The seed.
    #[serde(with = "crate::seed")]
    pub seed: u64,
    /// How far it is, in milliseconds since it began.
    pub reached_ms: u64,
    /// How long it lasts by its plan, in milliseconds.
    pub lasts_ms: u64,
}

impl Running {
    /// The scenario, with the defects that are switched on.
    #[must_use]
    pub fn title(&self) -> String {
        crate::report::titled(&self.scenario, &self.defects)
    }
}
