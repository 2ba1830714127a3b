//! Deployments: what an orchestrator runs during the plan, as pure data.
//!
//! A [`Cluster`] has nodes, deployments, disruption budgets, and operations at given times. Names,
//! defaults and rules are those of Kubernetes, in snake case; where it leaves something open, the
//! field says what is done here.
//!
//! ```
//! use std::time::Duration;
//! use squall::plan::{Cluster, Deployment, DisruptionBudget, Probe, drain, rollout};
//!
//! let secs = Duration::from_secs;
//! let web = Deployment::new("web", "hello", serde_json::json!({ "version": 1 }), 3)
//!     .port(8080)
//!     .readiness(Probe::get("/readyz").period(secs(1)))
//!     .pre_stop_sleep(secs(5))
//!     .max_surge(1)
//!     .max_unavailable(0)
//!     .publish_to("lb:9901");
//! let cluster = Cluster::new()
//!     .node("node-a", 10)
//!     .node("node-b", 10)
//!     .deployment(web)
//!     .disruption_budget(DisruptionBudget::min_available("web", 2))
//!     .operation(rollout("web", serde_json::json!({ "version": 2 })).at(secs(5)))
//!     .operation(drain("node-a").at(secs(40)));
//! assert_eq!(cluster.pods().next().as_deref(), Some("web-1"));
//! ```
//!
//! Each node, each pod and the control plane is a host of the run, so that links and faults can
//! name it. A pod has an address of its own, so each pod that is ever created is another host.

mod amount;
mod budget;
mod check;
mod deployment;
mod gate;
mod operation;
mod probe;

pub use amount::{Amount, percent};
pub use budget::{Bound, DisruptionBudget};
pub use deployment::{Deployment, PodTemplate, PreStop};
pub use gate::{BurnWindow, Gate, GateBound, MetricNames};
pub use operation::{
    CanaryStep, Operation, OperationBuilder, OperationKind, canary, cordon, drain, rollout, scale,
    uncordon,
};
pub use probe::Probe;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use squall_reports::record::PlannedOperation;

use super::{DiskConfig, HostSpec, Latency, Plan, millis, nanos};

/// An orchestrator and what it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cluster {
    /// The host of the controllers: it publishes endpoints and reads metrics from there.
    pub control_plane: String,
    /// The machines that pods run on.
    pub nodes: Vec<Node>,
    /// What runs on them.
    pub deployments: Vec<Deployment>,
    /// How far evictions may go.
    pub disruption_budgets: Vec<DisruptionBudget>,
    /// What is done to it, and when.
    pub operations: Vec<Operation>,
    /// How long it takes from a change of the endpoints until a load balancer is told.
    pub endpoint_propagation: Latency,
    /// How long a node may give no sign of life before it counts as not ready
    /// (`node-monitor-grace-period`).
    #[serde(rename = "node_monitor_grace_ms", with = "millis")]
    pub node_monitor_grace: Duration,
    /// How long pods stay bound to a node that is not ready (`tolerationSeconds` of the taint
    /// `not-ready`).
    #[serde(rename = "toleration_ms", with = "millis")]
    pub toleration: Duration,
}

/// A machine that pods run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Node {
    /// Its name, which is also that of its host.
    pub name: String,
    /// How many pods it takes at once.
    pub pods: u32,
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster {
    /// No nodes yet; half a second until a load balancer is told of a change, and the times that
    /// Kubernetes has by default: a node counts as lost after 40 s, its pods after 300 s more.
    #[must_use]
    pub fn new() -> Self {
        Self {
            control_plane: "control-plane".to_owned(),
            nodes: Vec::new(),
            deployments: Vec::new(),
            disruption_budgets: Vec::new(),
            operations: Vec::new(),
            endpoint_propagation: Latency::constant(Duration::from_millis(500)),
            node_monitor_grace: Duration::from_secs(40),
            toleration: Duration::from_secs(300),
        }
    }

    /// Adds a node that takes so many pods at once.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>, pods: u32) -> Self {
        self.nodes.push(Node { name: name.into(), pods });
        self
    }

    /// Adds a deployment.
    #[must_use]
    pub fn deployment(mut self, deployment: Deployment) -> Self {
        self.deployments.push(deployment);
        self
    }

    /// Adds a disruption budget.
    #[must_use]
    pub fn disruption_budget(mut self, budget: DisruptionBudget) -> Self {
        self.disruption_budgets.push(budget);
        self
    }

    /// Adds an operation.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// Sets how long it takes until a load balancer is told of a change of the endpoints.
    #[must_use]
    pub fn endpoint_propagation(mut self, delay: Latency) -> Self {
        self.endpoint_propagation = delay;
        self
    }

    /// Sets how long a node may give no sign of life before it counts as not ready.
    #[must_use]
    pub fn node_monitor_grace(mut self, grace: Duration) -> Self {
        self.node_monitor_grace = grace;
        self
    }

    /// Sets how long pods stay bound to a node that is not ready.
    #[must_use]
    pub fn toleration(mut self, toleration: Duration) -> Self {
        self.toleration = toleration;
        self
    }

    /// The names of the hosts of all pods that may ever be created.
    pub fn pods(&self) -> impl Iterator<Item = String> {
        self.deployments
            .iter()
            .flat_map(|deployment| (1..=deployment.pods_max).map(|number| deployment.pod(number)))
    }

    /// The deployment with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.name == name)
    }

    /// When the last operation is over at the earliest.
    pub(super) fn duration(&self) -> Duration {
        self.operations.iter().map(Operation::over).max().unwrap_or_default()
    }

    /// The operations in order of time, each with a label that no other has.
    pub(crate) fn labelled(&self) -> Vec<(String, &Operation)> {
        let mut operations: Vec<&Operation> = self.operations.iter().collect();
        operations.sort_by_key(|operation| operation.at);
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        let mut labelled = Vec::new();
        for operation in operations {
            let label = operation.label();
            let time = times.entry(label.clone()).or_default();
            *time += 1;
            let label = if *time > 1 { format!("{label} ({time})") } else { label };
            labelled.push((label, operation));
        }
        labelled
    }

    /// The control plane, the nodes and the pods, as hosts.
    fn hosts(&self) -> impl Iterator<Item = HostSpec> {
        let machine = |name: &str, cores| HostSpec {
            name: name.to_owned(),
            service: None,
            config: serde_json::Value::Null,
            ports: Vec::new(),
            cores,
            disk: DiskConfig::default(),
        };
        let nodes = self.nodes.iter().map(move |node| machine(&node.name, 4));
        let pods = self.deployments.iter().flat_map(move |deployment| {
            let cores = deployment.template.cores;
            let ports = deployment.template.ports();
            (1..=deployment.pods_max).map(move |number| HostSpec {
                ports: ports.clone(),
                ..machine(&deployment.pod(number), cores)
            })
        });
        std::iter::once(machine(&self.control_plane, 4)).chain(nodes).chain(pods)
    }
}

impl Plan {
    /// The operations on the cluster, in order of time, as a record knows them.
    pub(crate) fn planned_operations(&self) -> Vec<PlannedOperation> {
        let labelled = self.cluster.iter().flat_map(Cluster::labelled);
        let at = |operation: &Operation| nanos(self.boot) + nanos(operation.at);
        labelled.map(|(label, it)| PlannedOperation { label, at: at(it) }).collect()
    }

    /// The plan with the hosts of its cluster in its topology.
    pub(crate) fn with_cluster_hosts(mut self) -> Self {
        if let Some(cluster) = &self.cluster {
            self.topology.hosts.extend(cluster.hosts());
        }
        self
    }
}

#[cfg(test)]
mod tests;
