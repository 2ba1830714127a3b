//! The worker pool: one file for each hypothesis.

use squall::Scenario;

mod another_job;
mod api_down;
mod api_fails;
mod api_hangs;
mod api_limits;
mod api_says_when;
mod api_slow;
mod broker_compacts;
mod broker_crashes;
mod broker_loses_power;
mod broker_started_twice;
mod broker_stops;
mod burst;
mod clocks;
mod crowd;
mod dead_letters;
mod disk_error;
mod disk_full;
mod in_order;
mod late_workers;
mod lease_outlived;
mod mutual_tls;
mod not_ready;
mod old_jobs;
mod partition;
mod pauses_survive;
mod poison;
mod posted_again;
mod queue_bytes;
mod queue_full;
mod redrive;
mod retry_pace;
mod steady;
mod stop;
mod store_fails;
mod store_loses_power;
mod store_stops;
mod too_large;
mod workers_die;

/// A module with one scenario, in the list.
macro_rules! entry {
    ($module:ident) => {
        ($module::scenario(), concat!("scenarios/src/catalogue/pool/", stringify!($module), ".rs"))
    };
}

/// All scenarios of the worker pool, each with its source.
pub(super) fn all() -> [(Scenario, &'static str); 39] {
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
        entry!(broker_started_twice),
        entry!(disk_full),
        entry!(disk_error),
        entry!(partition),
        entry!(clocks),
        entry!(store_loses_power),
        entry!(broker_compacts),
        entry!(old_jobs),
        entry!(late_workers),
        entry!(posted_again),
        entry!(store_fails),
        entry!(retry_pace),
        entry!(api_says_when),
        entry!(queue_full),
        entry!(queue_bytes),
        entry!(too_large),
        entry!(crowd),
        entry!(dead_letters),
        entry!(broker_stops),
        entry!(store_stops),
        entry!(not_ready),
        entry!(in_order),
        entry!(api_down),
        entry!(redrive),
        entry!(another_job),
        entry!(pauses_survive),
        entry!(lease_outlived),
        entry!(mutual_tls),
    ]
}
