//! Hypotheses about stock that is watched, and about the replica that watches it.

use squall::Scenario;

mod deadline;
mod inventory_restarts;
mod partition_silent;
mod resumes;
mod slow_reader;

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        ($module::scenario(), concat!("scenarios/src/catalogue/watch/", stringify!($module), ".rs"))
    };
}

/// All of them, each with its source.
pub(super) fn all() -> [(Scenario, &'static str); 5] {
    [
        entry!(resumes),
        entry!(slow_reader),
        entry!(partition_silent),
        entry!(inventory_restarts),
        entry!(deadline),
    ]
}
