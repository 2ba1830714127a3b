//! What all backends share that perform a plan in real time: hosts reach each other through proxies in
//! which the network faults act, and what their processes do they say over OTLP.
//!
//! The load, the scrapes, the sidecars and the cluster are the same code as in the simulation, on the
//! sockets and clocks of this machine. What differs is what the processes of hosts run on
//! ([`Machines`]) and where they are reached ([`Layout`]).

mod calls;
mod capability;
mod child;
mod ear;
mod environment;
mod exit;
mod filled;
mod gauges;
mod layout;
mod machines;
mod names;
mod network;
mod output;
mod performance;
mod readiness;
mod share;
mod start;
mod telemetry;
mod timer;
mod told;
mod toxics;
mod within;

use squall_reports::record::{Backend, Record};

pub(in crate::backend) use self::{
    capability::{Abilities, lacks},
    ear::{Ear, Lines},
    exit::Exit,
    filled::Filled,
    gauges::of as gauges_of,
    layout::{Layout, Way, has_sidecar},
    machines::Machines,
    output::Tail,
    performance::Stage,
    share::{PERIOD_US, quota_us},
    start::{Entrypoint, Start},
    within::{DISK, DiskAct, FILES, REFUSED, count_from_files},
};
pub(crate) use self::{
    child::run as run_process,
    start::{START_VARIABLE, SUBCOMMAND},
};
use super::Asked;
use crate::plan::Plan;

/// Threads for what the harness itself does: the load, proxies, telemetry.
const WORKERS: usize = 2;

/// Performs the plan of a checked scenario on this thread, on what `set` makes for it.
#[expect(clippy::disallowed_methods, reason = "here it is the harness that has real time")]
pub(in crate::backend) fn perform<M: Machines>(
    backend: Backend,
    asked: Asked,
    set: impl AsyncFnOnce(&Plan, u64, Ear) -> Result<Stage<M>, String>,
) -> Result<Record, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime could be made: {error}"))?;
    // On this thread, with which the processes end that it starts.
    let record = runtime.block_on(performance::perform(backend, asked, set));
    runtime.shutdown_background();
    record
}
