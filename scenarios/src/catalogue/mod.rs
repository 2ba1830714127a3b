//! The catalogue: one file for each hypothesis, listed in the order in which they run.

use squall::Scenario;

mod api_reload;
mod api_restart;
mod api_rolling_update;
mod breaker;
mod brownout;
mod bulkhead_places;
mod burst;
mod caller_cut_off;
mod chain;
mod clients_disconnect;
mod crowd;
mod few_calls;
mod flapping_link;
mod fleet;
mod greedy_tenant;
mod half_failing;
mod half_open_disconnect;
mod inventory_crash_loop;
mod inventory_down;
mod inventory_hung;
mod inventory_lost;
mod inventory_slow;
mod one_way_partition;
mod optional_crash_loop;
mod optional_down;
mod optional_hung;
mod optional_slow;
mod orders;
mod overload;
mod packet_loss;
mod paused_dependency;
mod pool;
mod refusals;
mod replica_fails;
mod replica_hung;
mod replica_lost;
mod replica_restarts;
mod replica_slow_hedged;
mod replicas_slow;
mod retry_budget;
mod retry_pace;
mod retry_storm;
mod slow_and_failing;
mod stampede;
mod steady_state;
mod tls;
mod watch;
// `squall new` adds modules above this line.

pub(crate) use fleet::rolling_update_at as rolling_update;

/// Where a module is.
macro_rules! source {
    ($module:ident) => {
        concat!("scenarios/src/catalogue/", stringify!($module), ".rs")
    };
}

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        (vec![$module::scenario()], source!($module))
    };
}

/// A module with one hypothesis about several hosts, in the list.
macro_rules! family {
    ($module:ident) => {
        ($module::scenarios().to_vec(), source!($module))
    };
}

/// All scenarios, each with its source.
pub(crate) fn all() -> Vec<(Scenario, &'static str)> {
    let listed: Vec<(Vec<Scenario>, &'static str)> = vec![
        entry!(steady_state),
        entry!(burst),
        entry!(stampede),
        entry!(crowd),
        entry!(clients_disconnect),
        entry!(inventory_slow),
        entry!(inventory_hung),
        entry!(inventory_down),
        entry!(inventory_lost),
        entry!(inventory_crash_loop),
        entry!(retry_storm),
        family!(optional_slow),
        family!(optional_hung),
        family!(optional_down),
        family!(optional_crash_loop),
        entry!(breaker),
        entry!(brownout),
        entry!(paused_dependency),
        entry!(half_failing),
        entry!(packet_loss),
        entry!(one_way_partition),
        entry!(flapping_link),
        entry!(few_calls),
        entry!(refusals),
        entry!(half_open_disconnect),
        entry!(retry_budget),
        entry!(retry_pace),
        entry!(slow_and_failing),
        entry!(bulkhead_places),
        entry!(caller_cut_off),
        entry!(api_reload),
        entry!(api_restart),
        entry!(api_rolling_update),
        entry!(greedy_tenant),
        entry!(overload),
        entry!(replica_fails),
        entry!(replica_hung),
        entry!(replica_lost),
        entry!(replica_restarts),
        entry!(replica_slow_hedged),
        entry!(replicas_slow),
        // `squall new` adds scenarios above this line.
    ];
    let single = |(scenarios, source): (Vec<Scenario>, &'static str)| {
        scenarios.into_iter().map(move |scenario| (scenario, source))
    };
    let (tls, fleet) = (tls::all(), fleet::all());
    let listed = listed.into_iter().chain(tls).flat_map(single).chain(pool::all());
    let listed = listed.chain(fleet.into_iter().flat_map(single)).chain(watch::all());
    listed.chain(orders::all()).chain(chain::all()).collect()
}
