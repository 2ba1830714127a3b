//! The kubelet of one node: renews the node's lease, and has a worker for each of its pods.
//!
//! A kubelet that cannot renew the lease learns nothing of what is desired and can report nothing:
//! its pods go on as they are.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ::http::Method;

use super::{
    api, http, pod,
    state::{ClusterEnvironment, State},
};
use crate::{plan::nanos, run::environment::Environment};

/// How often a lease is renewed at least.
const LEASE: Duration = Duration::from_secs(10);

/// How long the API server may take to answer, and the pause before it is asked again.
const TIMEOUT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(500);

/// Runs the pods that are bound to the node with this number.
pub(super) async fn run(env: impl ClusterEnvironment, node: usize) {
    tokio::join!(renew(&env, node), sync(&env, node));
}

/// Renews the lease of the node.
async fn renew(env: &impl ClusterEnvironment, node: usize) {
    let (lease, address) = env.with(|state| {
        let lease = LEASE.min(state.cluster.node_monitor_grace / 4);
        (lease, format!("{}:{}", state.cluster.control_plane, api::PORT))
    });
    loop {
        let path = api::lease_path(node);
        let answer = http::send(env, Method::PUT, &address, &path, String::new(), TIMEOUT).await;
        let renewed = answer.is_ok_and(|(status, _)| status.is_success());
        env.with(|state| state.connect(env, node, renewed, env.now()));
        let pause = if renewed { lease } else { RETRY };
        env.sleep_until(env.now() + nanos(pause)).await;
    }
}

/// Begins to look after pods as they come.
async fn sync(env: &impl ClusterEnvironment, node: usize) {
    let changed = env.with(|state| Arc::clone(&state.nodes[node].changed));
    let mut workers: BTreeSet<u16> = BTreeSet::new();
    loop {
        let pods = env.with(|state| {
            let connected = state.nodes[node].connected;
            let mine = state.pods.values().filter(|pod| connected && pod.node == Some(node));
            mine.map(|pod| pod.host).collect::<Vec<u16>>()
        });
        for pod in pods {
            // A pod has a host that no other pod ever has.
            if workers.insert(pod) {
                tokio::spawn(pod::tend(env.clone(), pod));
            }
        }
        changed.notified().await;
    }
}

impl State {
    /// The kubelet of a node reaches the API server, or no longer does.
    pub(super) fn connect(
        &mut self,
        env: &impl Environment,
        node: usize,
        connected: bool,
        now: u64,
    ) {
        if self.nodes[node].connected == connected {
            return;
        }
        self.nodes[node].connected = connected;
        self.nodes[node].changed.notify_one();
        let pods = self.pods.values().filter(|pod| pod.node == Some(node));
        for pod in pods.map(|pod| pod.host).collect::<Vec<u16>>() {
            let was = self.pods[&pod].ready_since.is_some();
            self.touch_pod(pod, now);
            self.note_readiness(env, pod, was, "kubelet");
        }
    }
}
