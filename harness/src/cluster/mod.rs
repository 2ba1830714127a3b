//! The cluster: performs what the plan's cluster says, with the rules of Kubernetes.
//!
//! The [`State`] is what the API server stores. On the host of the control plane run the
//! controllers, each a pure function of what there is (`deployment`, `replica_set`, `scheduler`,
//! `budget`, `endpoints`, `gate`); `control_plane` asks them and does what they say. On the host
//! of each node runs a `kubelet`, with a worker for each of its pods that starts the container,
//! probes it and ends it, through the [`Command`](crate::run::command::Command)s of its environment.
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

pub(crate) use state::{ClusterEnvironment, State};

use state::Container;

use self::said::said;
use crate::run::environment::Task;

/// What runs on a host for the cluster, if anything does.
pub(crate) fn agent(env: &impl ClusterEnvironment, host: u16) -> Option<Task> {
    let (is_control_plane, node) = env.with(|state| {
        let node = state.nodes.iter().position(|node| node.host == host);
        (host == state.control_plane, node)
    });
    if is_control_plane {
        return Some(Box::pin(control_plane::run(env.clone())));
    }
    Some(Box::pin(kubelet::run(env.clone(), node?)))
}

/// The process of a host has died: if it is a node, its kubelet reports nothing any more. The hosts
/// of its pods.
pub(crate) fn node_fell(env: &impl ClusterEnvironment, host: u16) -> Vec<u16> {
    let pods = env.with(|state| {
        let node = state.nodes.iter().position(|node| node.host == host)?;
        state.connect(env, node, false, env.now());
        let pods = state.pods.values().filter(|pod| pod.node == Some(node));
        Some(pods.map(|pod| pod.host).collect())
    });
    pods.unwrap_or_default()
}

/// The process of a pod has begun.
pub(crate) fn container_started(env: &impl ClusterEnvironment, host: u16) {
    env.with(|state| {
        let now = env.now();
        let Some(pod) = state.pods.get_mut(&host) else { return };
        pod.container = Container::Running { since: now };
        let restarts = pod.restarts;
        state.note_pod(env, host, "container started", said("restarts", restarts));
        state.touch_pod(host, now);
    });
}

/// The process of a pod has ended, and how.
pub(crate) fn container_ended(env: &impl ClusterEnvironment, host: u16, how: &str) {
    env.with(|state| {
        let now = env.now();
        let Some(pod) = state.pods.get_mut(&host) else { return };
        let ran = match pod.container {
            Container::Running { since } => now - since,
            Container::Waiting => 0,
            Container::Ended { .. } => return,
        };
        let was = pod.ready_since.is_some();
        pod.container = Container::Ended { ran };
        pod.passes = false;
        state.note_pod(env, host, "container ended", said("how", how));
        state.touch_pod(host, now);
        state.note_readiness(env, host, was, "container");
    });
}
