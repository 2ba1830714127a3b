//! Backends: who performs a plan and makes its record.

pub(crate) mod container;
pub(crate) mod process;
pub(crate) mod real;
pub(crate) mod simulation;

use std::sync::Arc;

use squall_reports::record::{Backend, Record};

use crate::{
    run::{header::Title, signals::Signals},
    scenario::Scenario,
};

/// A run that is asked for.
pub(crate) struct Asked {
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    pub(crate) signals: Signals,
}

impl Asked {
    /// What the record says of it.
    pub(crate) fn title(&self) -> Title {
        Title {
            scenario: self.scenario.name().to_owned(),
            hypothesis: self.scenario.hypothesis().to_owned(),
            defects: self.scenario.defects().to_vec(),
        }
    }
}

/// Who performs plans.
pub(crate) trait Perform: Send + Sync {
    fn backend(&self) -> Backend;

    /// What it lacks to perform a checked scenario, each in a sentence; nothing if it can perform all
    /// of it.
    fn lacks_for(&self, scenario: &Scenario) -> Vec<String>;

    /// Performs the plan of a checked scenario for which it lacks nothing, on this thread, which must
    /// be a fresh one.
    ///
    /// # Errors
    ///
    /// When the harness itself could not do its part, in one sentence.
    fn perform(&self, asked: Asked) -> Result<Record, String>;
}

/// The simulation, with all of its parts.
pub(crate) fn simulated() -> Arc<dyn Perform> {
    Arc::new(simulation::Simulation::default())
}
