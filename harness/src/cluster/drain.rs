//! Drains a node as `kubectl drain` does: evicts its pods, tries again every five seconds what the
//! disruption budget refuses, and waits until they are gone.

use std::time::Duration;

use super::{
    said::{Said, said},
    state::State,
};
use crate::{plan::nanos, run::environment::Environment};

const RETRY: Duration = Duration::from_secs(5);

/// Goes on with the drains.
pub(super) fn advance(state: &mut State, env: &impl Environment, now: u64) {
    for at in 0..state.drains.len() {
        let node = state.drains[at].node;
        let name = state.nodes[node].name.clone();
        if now >= state.drains[at].retry_at {
            evict(state, env, node, now);
            state.drains[at].retry_at = now + nanos(RETRY);
        }
        if state.pods.values().all(|pod| pod.node != Some(node)) {
            state.note(env, "node drained", &said("node", name));
            state.drains[at].end(env);
            state.touch();
        }
    }
    let pods = &state.pods;
    state.drains.retain(|drain| pods.values().any(|pod| pod.node == Some(drain.node)));
}

fn evict(state: &mut State, env: &impl Environment, node: usize, now: u64) {
    let on = |pod: &&super::state::Pod| pod.node == Some(node) && pod.deleted.is_none();
    let pods: Vec<u16> = state.pods.values().filter(on).map(|pod| pod.host).collect();
    for pod in pods {
        if state.may_evict(pod) {
            state.note_pod(env, pod, "pod evicted", Said::default());
            state.delete_pod(env, pod, "eviction", now);
        } else {
            state.note_pod(env, pod, "eviction refused", Said::default());
        }
    }
}
