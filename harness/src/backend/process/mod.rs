//! Real processes as a backend: each host of a plan is a process of this machine, on a loopback address
//! of its own, and reaches the others through proxies in which the network faults act.
//!
//! The load, the scrapes, the sidecars and the cluster are the same code as in the simulation, on the
//! sockets and clocks of the machine. What a process does it says over OTLP.

mod addresses;
mod calls;
mod capability;
mod child;
mod disk;
mod environment;
mod folder;
mod gauges;
mod network;
mod output;
mod performance;
mod quota;
mod readiness;
mod start;
mod supervisor;
mod telemetry;
mod timer;
mod told;
mod toxics;

use std::path::PathBuf;

use squall_reports::record::{Backend, Record};

pub(crate) use self::{child::run as run_process, start::SUBCOMMAND};
use super::{Asked, Perform};
use crate::scenario::Scenario;

/// Threads for what the harness itself does: the load, proxies, telemetry.
const WORKERS: usize = 2;

/// Real processes.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    /// The program whose hidden subcommand is the process of a host: one with the same catalogue.
    pub(crate) program: PathBuf,
    /// A proxy server that somebody else runs; without one, the run has its own.
    pub(crate) toxiproxy: Option<String>,
}

impl Perform for Processes {
    fn backend(&self) -> Backend {
        Backend::Processes
    }

    fn lacks_for(&self, scenario: &Scenario) -> Vec<String> {
        capability::lacks(scenario, self.toxiproxy.is_none())
    }

    #[expect(clippy::disallowed_methods, reason = "here it is the harness that has real time")]
    fn perform(&self, asked: Asked) -> Result<Record, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime could be made: {error}"))?;
        // On this thread, with which the processes end that it starts.
        let record = runtime.block_on(performance::perform(self, asked));
        runtime.shutdown_background();
        record
    }
}
