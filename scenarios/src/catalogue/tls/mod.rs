//! Connections that are secured: one file for each hypothesis.

use squall::Scenario;

mod certificate_expires;
mod mutual;
mod wrong_peer;

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        (vec![$module::scenario()], source!($module))
    };
}

/// Where a module is.
macro_rules! source {
    ($module:ident) => {
        concat!("scenarios/src/catalogue/tls/", stringify!($module), ".rs")
    };
}

/// All scenarios about TLS, each with its source.
pub(super) fn all() -> Vec<(Vec<Scenario>, &'static str)> {
    vec![
        entry!(mutual),
        entry!(certificate_expires),
        (wrong_peer::scenarios().to_vec(), source!(wrong_peer)),
    ]
}
