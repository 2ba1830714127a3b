//! Time to recover.
//!
//! The time from the last heal to the first instant from which another objective holds for a
//! whole window. Only windows count throughout which load was meant to start, with no quarter of
//! one without any: a window in which nobody was to ask shows nothing. Without such a window that
//! begins within the bound there is no data.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Objective, Over, claim::expect, early::Early};

/// Another objective holds again in time after the last heal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recovery {
    /// What is to hold again: a latency or a share. Its phases do not matter.
    pub objective: Box<Objective>,
    /// For how long it must hold to count as recovered.
    #[serde(rename = "window_ms", with = "super::millis")]
    pub window: Duration,
    /// How long after the last heal it may take.
    #[serde(rename = "within_ms", with = "super::millis")]
    pub within: Duration,
}

/// A recovery that needs a window and a bound.
#[derive(Clone, Debug)]
#[must_use = "a recovery is no objective until it has a window and a bound"]
pub struct RecoveryBuilder {
    objective: Objective,
    window: Duration,
    pub(super) early: Early,
}

/// `objective` holds again after the last heal.
pub fn recovers(objective: Objective) -> RecoveryBuilder {
    RecoveryBuilder { objective, window: Duration::ZERO, early: Early::default() }
}

impl RecoveryBuilder {
    /// It counts as recovered when the objective holds over the next `window`.
    pub fn holding_for(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// At most `bound` after the last heal.
    pub fn within(self, bound: Duration) -> Objective {
        let (objective, window) = (Box::new(self.objective), self.window);
        let claim = Recovery { objective, window, within: bound };
        self.early.give_to(Objective::new(Claim::Recovery(claim), Over::Run))
    }
}

impl Describe for Recovery {
    fn kind(&self) -> FindingKind {
        FindingKind::Objective
    }

    fn name(&self) -> String {
        let scope = match self.objective.scope.describe() {
            scope if scope.is_empty() => scope,
            scope => format!(" ({scope})"),
        };
        format!("recovery of {}{scope} {}", self.objective.name(), self.objective.bound())
    }

    fn bound(&self) -> String {
        let (within, window) = (words::duration(self.within), words::duration(self.window));
        format!("within {within}, holding for {window}")
    }

    fn check(&self) -> Result<(), String> {
        if !matches!(self.objective.claim, Claim::Latency(_) | Claim::Share(_)) {
            return Err("expected a latency or a share to recover".to_owned());
        }
        self.objective.check().map_err(|error| error.to_string())?;
        expect::some_time("a window for holding", self.window)?;
        expect::some_time("a bound", self.within)
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[]
    }
}
