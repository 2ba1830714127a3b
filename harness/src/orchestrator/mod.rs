//! The orchestrator: performs what the plan's cluster says, with the rules of Kubernetes.
//!
//! The [`State`] is what the API server stores. On the host of the control plane run the
//! controllers, each a pure function of what there is (`deployment`, `replica_set`, `scheduler`,
//! `budget`, `endpoints`, `gate`); `control_plane` asks them and does what they say. On the host
//! of each node runs a `kubelet`, with a worker for each of its pods that starts the container,
//! probes it and ends it, through the kernel's [`Command`]s.
//!
//! What happens is logged with the target `orchestrator`: on the pod's host what happens to a
//! pod, on the control plane all else. So verdicts on it rest on the record, like all others.

mod analysis;
mod api;
mod backoff;
mod budget;
mod canary;
mod capacity;
mod control_plane;
mod deployment;
mod drain;
mod endpoints;
mod gate;
mod http;
mod kubelet;
mod operations;
mod pod;
mod probe;
mod publisher;
mod replica_set;
mod rollout;
mod said;
mod scheduler;
mod state;
mod threshold;

pub(crate) use state::State;

use std::{future::Future, pin::Pin};

use state::{Container, with};

use self::said::said;
use crate::{interpose, plan::PodTemplate};

/// What the orchestrator wants of a process.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Start the service of this template on this host.
    Start { host: u16, template: Box<PodTemplate> },
    /// Ask the service on this host to stop.
    Terminate { host: u16 },
    /// Kill the process of this host.
    Kill { host: u16 },
}

/// A task of the orchestrator.
type Agent = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What runs on a host for the orchestrator, if anything does.
pub(crate) fn agent(host: u16) -> Option<Agent> {
    with(|_, state| -> Option<Agent> {
        if host == state.control_plane {
            return Some(Box::pin(control_plane::run()));
        }
        let node = state.nodes.iter().position(|node| node.host == host)?;
        Some(Box::pin(kubelet::run(node)))
    })?
}

/// Is this the host of a pod? Its process is the kubelet's to start.
pub(crate) fn is_pod(host: u16) -> bool {
    with(|_, state| {
        let first = state.deployments.first().map_or(u16::MAX, |deployment| deployment.first_host);
        host >= first
    })
    .unwrap_or(false)
}

/// The process of a host has died: if it is a node, its kubelet reports nothing any more. The hosts
/// of its pods.
pub(crate) fn node_fell(host: u16) -> Vec<u16> {
    let pods = with(|shared, state| {
        let node = state.nodes.iter().position(|node| node.host == host)?;
        state.connect(shared, node, false, interpose::now());
        let pods = state.pods.values().filter(|pod| pod.node == Some(node));
        Some(pods.map(|pod| pod.host).collect())
    });
    pods.flatten().unwrap_or_default()
}

/// The process of a pod has begun.
pub(crate) fn container_started(host: u16) {
    with(|shared, state| {
        let now = interpose::now();
        let Some(pod) = state.pods.get_mut(&host) else { return };
        pod.container = Container::Running { since: now };
        let restarts = pod.restarts;
        state.note_pod(shared, host, "container started", said("restarts", restarts));
        state.touch_pod(host, now);
    });
}

/// The process of a pod has ended, and how.
pub(crate) fn container_ended(host: u16, how: &str) {
    with(|shared, state| {
        let now = interpose::now();
        let Some(pod) = state.pods.get_mut(&host) else { return };
        let ran = match pod.container {
            Container::Running { since } => now - since,
            Container::Waiting => 0,
            Container::Ended { .. } => return,
        };
        let was = pod.ready_since.is_some();
        pod.container = Container::Ended { ran };
        pod.passes = false;
        state.note_pod(shared, host, "container ended", said("how", how));
        state.touch_pod(host, now);
        state.note_readiness(shared, host, was, "container");
    });
}
