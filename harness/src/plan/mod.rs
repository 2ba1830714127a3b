//! Plans: what a run does, as pure data.
//!
//! A [`Plan`] says which hosts there are and how they are linked ([`Topology`]), what is asked of
//! them ([`Load`]), what is broken and when ([`Fault`]), and how far the run may go ([`Limits`]).
//! A plan performs nothing and knows no backend; all of it can be written to JSON and read back.
//! Times in a plan count from the beginning of the load.

mod check;
mod deploy;
mod fault;
mod limits;
mod link;
mod load;
pub(crate) mod millis;
mod names;
mod patch;
mod phases;
mod processes;
mod scrape;
mod tcp;
mod topology;

pub(crate) use load::{MediaType, fill_in, varint};
pub(crate) use names::REAL_GAUGES;
pub(crate) use patch::merge_patch;
pub(crate) use phases::nanos;

pub use check::InvalidPlan;
pub use deploy::{
    Amount, Bound, BurnWindow, CanaryStep, Cluster, Deployment, DisruptionBudget, Gate, GateBound,
    MetricNames, Node, Operation, OperationBuilder, OperationKind, PodTemplate, PreStop, Probe,
    canary, cordon, drain, percent, rollout, scale, uncordon,
};
pub use fault::{
    ClockFault, Direction, DiskFault, Fault, FaultBuilder, FaultKind, LoadFault, NameFault,
    NetworkFault, ProcessFault, ServiceFault, Target, bandwidth, blackhole, burst, clock_drift,
    clock_jump, clock_skew, corrupt, corrupt_answer, corrupt_disk, crash, crash_loop, disconnect,
    disk_error, disk_full, dns_failure, duplicate, error_code, fail_first, fail_fraction, flap,
    half_open, hang, jitter, latency, limit_data, loss, partition, partition_groups,
    partition_one_way, pause, power_loss, ramp, refuse, reorder, reset, reset_peer, restart,
    slicer, slow_answer, slow_close, slow_cpu, slow_disk, slow_dns, stale_dns, stampede, timeout,
    torn_write, truncate_answer,
};
pub use limits::Limits;
pub use link::{Latency, Link};
pub use load::{
    Arrivals, Expect, ExpectedCount, ExpectedSection, ExpectedValue, GrpcCall, GrpcCode, Load,
    Message, MessageField, MessageValue, RequestSpec, Retry, Statuses,
};
pub use processes::Processes;
pub use scrape::Scrape;
pub use tcp::{CongestionControl, TcpConfig};
pub use topology::{DiskConfig, HostSpec, LinkSpec, Topology};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::objective::Objective;

/// What a run does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The hosts and the links between them.
    pub topology: Topology,
    /// What an orchestrator runs, on hosts of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// What is asked of the services.
    pub loads: Vec<Load>,
    /// Whether the end of a process that is asked for is a SIGTERM for it, which `tokio::signal` hears.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signals: bool,
    /// What is read from the metrics of the services.
    #[serde(default)]
    pub scrapes: Vec<Scrape>,
    /// What is broken, and when.
    pub faults: Vec<Fault>,
    /// What must hold.
    pub objectives: Vec<Objective>,
    /// How far the run may go.
    pub limits: Limits,
    /// How long the hosts run before the load begins.
    #[serde(rename = "boot_ms", with = "millis")]
    pub boot: Duration,
    /// How long the plan lasts at least, from the beginning of the load: for a plan whose load
    /// and faults do not say it.
    #[serde(rename = "lasts_ms", with = "millis", default)]
    pub lasts: Duration,
    /// How long before the first injection a request may start and still be under way when the
    /// fault acts: it belongs to the phase `during`.
    #[serde(rename = "exposure_ms", with = "millis")]
    pub exposure: Duration,
    /// How long after the last heal a request still belongs to the phase `recovery`.
    #[serde(rename = "recovery_ms", with = "millis")]
    pub recovery: Duration,
    /// How long the hosts run on after the load, before leaks are looked for.
    #[serde(rename = "settle_ms", with = "millis")]
    pub settle: Duration,
    /// How often the gauges are read.
    #[serde(rename = "sample_every_ms", with = "millis")]
    pub sample_every: Duration,
    /// What is different when real processes perform the plan.
    #[serde(default, skip_serializing_if = "Processes::is_usual")]
    pub processes: Processes,
}

impl Plan {
    /// A plan with these hosts that asks nothing of them yet.
    #[must_use]
    pub fn new(topology: Topology) -> Self {
        Self {
            topology,
            cluster: None,
            loads: Vec::new(),
            signals: false,
            scrapes: Vec::new(),
            faults: Vec::new(),
            objectives: Vec::new(),
            limits: Limits::default(),
            boot: Duration::from_secs(1),
            lasts: Duration::ZERO,
            exposure: Duration::from_millis(200),
            recovery: Duration::from_secs(1),
            settle: Duration::from_secs(2),
            sample_every: Duration::from_millis(500),
            processes: Processes::default(),
        }
    }

    /// Sets what an orchestrator runs.
    #[must_use]
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// Adds a load.
    #[must_use]
    pub fn load(mut self, load: Load) -> Self {
        self.loads.push(load);
        self
    }

    /// Adds a reading of a service's metrics.
    #[must_use]
    pub fn scrape(mut self, scrape: Scrape) -> Self {
        self.scrapes.push(scrape);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Adds an objective or an invariant.
    #[must_use]
    pub fn objective(mut self, objective: impl Into<Objective>) -> Self {
        self.objectives.push(objective.into());
        self
    }

    /// Sets how far the run may go.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long before the first injection a request already belongs to the phase `during`.
    #[must_use]
    pub fn exposure(mut self, exposure: Duration) -> Self {
        self.exposure = exposure;
        self
    }

    /// Sets how long after the last heal a request still belongs to the phase `recovery`.
    #[must_use]
    pub fn recovery(mut self, recovery: Duration) -> Self {
        self.recovery = recovery;
        self
    }

    /// Sends SIGTERM to processes that are asked to end, by a `restart` or by the orchestrator, so that
    /// services hear it which listen with `tokio::signal`; `squall_os::signal` is told in any case.
    ///
    /// What Tokio knows of signals is shared by all of a process. So code of this run's hosts runs
    /// alone in it, and runs beside this one take longer.
    #[must_use]
    pub fn signals(mut self) -> Self {
        self.signals = true;
        self
    }

    /// Sets how long the hosts run on after the load, before leaks are looked for.
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Sets how long the hosts run before the load begins.
    #[must_use]
    pub fn boot(mut self, boot: Duration) -> Self {
        self.boot = boot;
        self
    }

    /// Sets how long the plan lasts at least, load or not.
    #[must_use]
    pub fn lasts(mut self, lasts: Duration) -> Self {
        self.lasts = lasts;
        self
    }

    /// Says what is different when real processes perform the plan.
    #[must_use]
    pub fn on_processes(mut self, processes: Processes) -> Self {
        self.processes = processes;
        self
    }

    /// Sets how often the gauges are read.
    #[must_use]
    pub fn sample_every(mut self, every: Duration) -> Self {
        self.sample_every = every;
        self
    }

    /// How long the load lasts: as long as the longest of its parts, and not less than
    /// [`lasts`](Self::lasts), the last heal or the last operation on the cluster.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let heals = self.faults.iter().map(|fault| fault.heal);
        heals.chain([self.undisturbed()]).max().unwrap_or_default()
    }

    /// The faults of the service on this host, with their numbers.
    pub(crate) fn service_faults(&self, host: &str) -> impl Iterator<Item = (u16, &ServiceFault)> {
        (0..).zip(&self.faults).filter_map(move |(number, fault)| {
            let FaultKind::Service(kind) = &fault.kind else { return None };
            fault.is_on(host).then_some((number, kind))
        })
    }

    /// How long the plan lasts without its faults.
    pub(crate) fn undisturbed(&self) -> Duration {
        let loads = self.loads.iter().map(|load| load.lasts);
        let cluster = self.cluster.as_ref().map(Cluster::duration);
        loads.chain([self.lasts]).chain(cluster).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
