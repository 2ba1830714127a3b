//! Deploys of the cache: one file for each hypothesis.

use squall::Scenario;

mod bad_version;
mod balancer_failing_pod;
mod balancer_forgets;
mod balancer_orders;
mod balancer_share;
mod balancer_slow_pod;
mod balancer_stops;
mod cache_expiry;
mod canary;
mod catalog_away;
mod flag_kill_switch;
mod good_better_bad;
mod items_change;
mod long_lived;
mod node_drain;
mod node_lost;
mod peer_damaged;
mod peer_outdated;
mod pod_killed;
mod ready_when_warm;
mod rolling_update;
mod sessions;
mod sessions_checked;
mod slow_endpoints;
mod twice;
mod warm_up_down;
mod warm_up_slow;

pub(crate) use rolling_update::at_rate as rolling_update_at;

/// Where a module is.
macro_rules! source {
    ($module:ident) => {
        concat!("scenarios/src/catalogue/fleet/", stringify!($module), ".rs")
    };
}

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        (vec![$module::scenario()], source!($module))
    };
}

/// A module with one hypothesis about several versions, in the list.
macro_rules! family {
    ($module:ident) => {
        ($module::scenarios(), source!($module))
    };
}

/// All scenarios of the fleet, each with its source.
pub(super) fn all() -> Vec<(Vec<Scenario>, &'static str)> {
    vec![
        entry!(rolling_update),
        family!(bad_version),
        entry!(good_better_bad),
        entry!(warm_up_slow),
        family!(warm_up_down),
        entry!(twice),
        family!(canary),
        entry!(node_drain),
        entry!(pod_killed),
        entry!(node_lost),
        entry!(slow_endpoints),
        entry!(long_lived),
        entry!(sessions),
        entry!(sessions_checked),
        entry!(items_change),
        entry!(catalog_away),
        entry!(peer_damaged),
        entry!(peer_outdated),
        entry!(ready_when_warm),
        entry!(balancer_share),
        entry!(balancer_slow_pod),
        entry!(balancer_failing_pod),
        entry!(balancer_orders),
        entry!(balancer_forgets),
        entry!(balancer_stops),
        family!(cache_expiry),
        entry!(flag_kill_switch),
    ]
}
