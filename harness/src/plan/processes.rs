//! What is different when real processes perform a plan, said in the plan and so in every record.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_reports::record::Backend;

use super::{
    Arrivals, Deployment, DiskFault, FaultKind, HostSpec, LoadFault, Plan, Target, millis,
};
use crate::objective::Objective;

/// What is different on real processes: how much of the load a small machine can carry, and how much
/// later than in virtual time things may happen on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Processes {
    /// All rates of the loads are multiplied by this: above 0, at most 1.
    pub rate_factor: f64,
    /// So much is added to each bound on a time, for a machine that is shared.
    #[serde(rename = "slack_ms", with = "millis")]
    pub slack: Duration,
    /// These hosts reach others, and are reached, without a proxy between them: no fault of the
    /// network can act there.
    pub without_proxy: Vec<String>,
    /// Why the plan cannot be performed on processes, for a reason that it does not show by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Default for Processes {
    /// The whole load, and the bounds as they are.
    fn default() -> Self {
        Self { rate_factor: 1.0, slack: Duration::ZERO, without_proxy: Vec::new(), refused: None }
    }
}

impl Processes {
    /// Nothing is different yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Multiplies all rates of the loads by `factor`.
    #[must_use]
    pub fn rate_factor(mut self, factor: f64) -> Self {
        self.rate_factor = factor;
        self
    }

    /// Adds so much to each bound on a time.
    #[must_use]
    pub fn slack(mut self, slack: Duration) -> Self {
        self.slack = slack;
        self
    }

    /// Lets this host talk without a proxy.
    #[must_use]
    pub fn without_proxy(mut self, host: impl Into<String>) -> Self {
        self.without_proxy.push(host.into());
        self
    }

    /// Says that the plan cannot be performed on processes, and why: a claim of it, say, rests on
    /// something that is true of a simulated network only.
    #[must_use]
    pub fn refused(mut self, because: impl Into<String>) -> Self {
        self.refused = Some(because.into());
        self
    }

    /// What a run of a plan with these objectives is held to on a backend.
    pub(crate) fn objectives(&self, all: &[Objective], backend: Backend) -> Vec<Objective> {
        let slack = match backend {
            Backend::Processes | Backend::Containers => self.slack,
            _ => Duration::ZERO,
        };
        all.iter().map(|objective| objective.clone().with_slack(slack)).collect()
    }

    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with it, apart from its hosts.
    pub(super) fn check(&self) -> Result<(), String> {
        let factor = self.rate_factor;
        let good = factor > 0.0 && factor <= 1.0;
        good.then_some(())
            .ok_or_else(|| format!("expected a rate factor above 0 and at most 1, found {factor}"))
    }
}

impl Plan {
    /// The number of the host that a fault with this target is on, if it is on one.
    pub(crate) fn host_of(&self, target: &Target) -> Option<u16> {
        let Target::Host { host, .. } = target else { return None };
        u16::try_from(self.topology.index_of(host)?).ok()
    }

    /// The numbers of the hosts whose disks its faults fill.
    pub(crate) fn hosts_with_full_disks(&self) -> Vec<u16> {
        let faults = self.faults.iter();
        let faults = faults.filter(|it| matches!(it.kind, FaultKind::Disk(DiskFault::Full)));
        let mut hosts: Vec<u16> = faults.filter_map(|it| self.host_of(&it.target)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The service of a host, or of the deployment that it is a pod of.
    pub(crate) fn service_of<'a>(&'a self, host: &'a HostSpec) -> Option<&'a str> {
        let mut deployments = self.cluster.iter().flat_map(|cluster| &cluster.deployments);
        host.service.as_deref().or_else(|| {
            let is_pod = |it: &&Deployment| (1..=it.pods_max).any(|pod| it.pod(pod) == host.name);
            Some(deployments.find(is_pod)?.template.service.as_str())
        })
    }

    /// The plan with the load that real processes are given.
    pub(crate) fn with_rates_of_processes(mut self) -> Self {
        let factor = self.processes.rate_factor;
        for load in &mut self.loads {
            load.arrivals.scale(factor);
        }
        for fault in &mut self.faults {
            if let FaultKind::Load(LoadFault::Stampede { requests }) = &mut fault.kind {
                *requests = scaled(*requests, factor);
            }
        }
        self
    }
}

/// A part of a number of requests, and at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a number that fits, and not below zero"
)]
fn scaled(requests: u32, factor: f64) -> u32 {
    ((f64::from(requests) * factor).round() as u32).max(1)
}

impl Arrivals {
    /// Multiplies all rates. Clients that wait for their answers are as many as before: they send what
    /// they get answered.
    fn scale(&mut self, factor: f64) {
        match self {
            Self::Constant { rate } | Self::Poisson { rate } => *rate *= factor,
            Self::Ramp { from, to } => (*from, *to) = (*from * factor, *to * factor),
            Self::Steps { rates } => rates.iter_mut().for_each(|rate| *rate *= factor),
            Self::Bursts { rate, peak, .. } => (*rate, *peak) = (*rate * factor, *peak * factor),
            Self::Closed { .. } => {}
        }
    }
}
