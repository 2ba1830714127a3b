//! The kubelet of one node: gives a sign of life, and has a worker for each of its pods.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{pod, state::with};
use crate::{interpose, plan::nanos};

/// How often a kubelet gives a sign of life at least.
const LEASE: Duration = Duration::from_secs(10);

/// Runs the pods that are bound to the node with this number.
pub(super) async fn run(node: usize) {
    let known = with(|_, state| {
        let lease = LEASE.min(state.cluster.node_monitor_grace / 4);
        (Arc::clone(&state.nodes[node].changed), lease)
    });
    let Some((changed, lease)) = known else { return };
    let mut workers: BTreeSet<u16> = BTreeSet::new();
    let mut renew_at = 0;
    loop {
        let now = interpose::now();
        if now >= renew_at {
            renew_at = now + nanos(lease);
            with(|_, state| {
                state.nodes[node].lease = now;
                state.touch();
            });
        }
        let pods = with(|_, state| {
            let mine = state.pods.values().filter(|pod| pod.node == Some(node));
            mine.map(|pod| pod.host).collect::<BTreeSet<u16>>()
        });
        let pods = pods.unwrap_or_default();
        for &pod in pods.difference(&workers) {
            tokio::spawn(pod::tend(pod));
        }
        workers = pods;
        tokio::select! {
            biased;
            () = changed.notified() => {}
            () = squall_os::sim::sleep_until(renew_at) => {}
        }
    }
}
