//! The catalogue: one file for each hypothesis, listed in the order in which they run.

use squall::Scenario;

mod backend_hung;
// `squall new` adds modules above this line.

/// The scenario of a module, and where it is in the repository: annotations for CI name it.
macro_rules! entry {
    ($module:ident) => {
        (
            $module::scenario(),
            concat!("src/scenarios/", stringify!($module), ".rs"),
        )
    };
}

/// All scenarios, each with its source.
pub(crate) fn all() -> Vec<(Scenario, &'static str)> {
    vec![
        entry!(backend_hung),
        // `squall new` adds scenarios above this line.
    ]
}
