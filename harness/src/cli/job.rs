//! A run that is asked for.

use crate::scenario::Scenario;

/// One run that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
}

impl Job {
    /// How long the run lasts by its plan, in milliseconds of virtual time.
    pub(super) fn lasts_ms(&self) -> u64 {
        let plan = self.scenario.plan();
        let lasts = plan.boot + plan.duration() + plan.settle;
        u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX)
    }

    /// What the files of the run are called.
    pub(super) fn file_name(&self) -> String {
        let defects = self.scenario.defects().iter().map(|name| format!("-{name}"));
        format!("{}-{}{}", self.scenario.name(), self.seed, defects.collect::<String>())
    }
}
