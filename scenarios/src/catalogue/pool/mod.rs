//! The worker pool: one file for each hypothesis.

use squall::Scenario;

mod api_fails;
mod api_hangs;
mod api_limits;
mod api_slow;
mod broker_crashes;
mod broker_loses_power;
mod burst;
mod clocks;
mod disk_error;
mod disk_full;
mod partition;
mod poison;
mod steady;
mod stop;
mod workers_die;

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        ($module::scenario(), concat!("scenarios/src/catalogue/pool/", stringify!($module), ".rs"))
    };
}

/// All scenarios of the worker pool, each with its source.
pub(super) fn all() -> [(Scenario, &'static str); 15] {
    [
        entry!(steady),
        entry!(burst),
        entry!(poison),
        entry!(stop),
        entry!(workers_die),
        entry!(api_slow),
        entry!(api_fails),
        entry!(api_limits),
        entry!(api_hangs),
        entry!(broker_crashes),
        entry!(broker_loses_power),
        entry!(disk_full),
        entry!(disk_error),
        entry!(partition),
        entry!(clocks),
    ]
}
