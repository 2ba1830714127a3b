//! The orders: one file for each hypothesis.

use squall::Scenario;

mod another;
mod answers_lost;
mod consumer_away;
mod crashes;
mod full;
mod give_up;
mod lose_power;
mod parties_lose_power;
mod refused;
mod steady;
mod stops;

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        (
            $module::scenario(),
            concat!("scenarios/src/catalogue/orders/", stringify!($module), ".rs"),
        )
    };
}

/// All scenarios of the orders, each with its source.
pub(super) fn all() -> [(Scenario, &'static str); 11] {
    [
        entry!(steady),
        entry!(crashes),
        entry!(lose_power),
        entry!(parties_lose_power),
        entry!(answers_lost),
        entry!(refused),
        entry!(give_up),
        entry!(consumer_away),
        entry!(another),
        entry!(full),
        entry!(stops),
    ]
}
