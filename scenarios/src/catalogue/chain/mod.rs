//! The chain: one file for each hypothesis.

use squall::Scenario;

mod back_hangs;
mod metastable;

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        ($module::scenario(), concat!("scenarios/src/catalogue/chain/", stringify!($module), ".rs"))
    };
}

/// All scenarios of the chain, each with its source.
pub(super) fn all() -> [(Scenario, &'static str); 2] {
    [entry!(metastable), entry!(back_hangs)]
}
