//! Performs the operations of the plan, each at its time.

use super::{
    canary,
    state::{Drain, State},
};
use crate::{
    plan::{OperationKind, nanos},
    sim::shared::Shared,
};

/// When the next operation begins.
pub(super) fn next(state: &State, shared: &Shared) -> Option<u64> {
    let operation = state.cluster.operations.get(state.operations_begun)?;
    Some(nanos(shared.plan.boot) + nanos(operation.at))
}

/// Begins the operations whose time has come.
pub(super) fn begin(state: &mut State, shared: &Shared, now: u64) {
    while next(state, shared).is_some_and(|at| at <= now) {
        let kind = state.cluster.operations[state.operations_begun].kind.clone();
        state.operations_begun += 1;
        perform(state, shared, kind, now);
        state.touch();
    }
}

fn perform(state: &mut State, shared: &Shared, kind: OperationKind, now: u64) {
    let deployment = |state: &State, name: &str| {
        let mut all = state.deployments.iter();
        all.position(|deployment| deployment.spec.name == *name)
    };
    let node = |state: &State, name: &str| state.nodes.iter().position(|node| node.name == *name);
    match kind {
        OperationKind::Rollout { deployment: name, patch, gate } => {
            let Some(at) = deployment(state, &name) else { return };
            canary::overtake(state, shared, at);
            let deployment = &mut state.deployments[at];
            deployment.spec.template = deployment.spec.template.patched(&patch);
            deployment.rollout.takes_back = None;
            state.set_gate(at, gate);
        }
        OperationKind::Canary { deployment: name, patch, steps, gate } => {
            let Some(at) = deployment(state, &name) else { return };
            canary::overtake(state, shared, at);
            canary::begin(state, shared, at, &patch, steps, now);
            state.set_gate(at, Some(gate));
        }
        OperationKind::Scale { deployment: name, replicas } => {
            let Some(at) = deployment(state, &name) else { return };
            state.deployments[at].spec.replicas = replicas;
            let fields = format!("deployment={name} replicas={replicas}");
            state.note(shared, "deployment scaled", &fields);
        }
        OperationKind::Cordon { node: name } => {
            if let Some(at) = node(state, &name) {
                cordon(state, shared, at, true);
            }
        }
        OperationKind::Uncordon { node: name } => {
            if let Some(at) = node(state, &name) {
                state.drains.retain(|drain| drain.node != at);
                cordon(state, shared, at, false);
            }
        }
        OperationKind::Drain { node: name } => {
            if let Some(at) = node(state, &name) {
                cordon(state, shared, at, true);
                state.note(shared, "drain started", &format!("node={name}"));
                state.drains.push(Drain { node: at, retry_at: now });
            }
        }
    }
}

fn cordon(state: &mut State, shared: &Shared, at: usize, cordoned: bool) {
    if state.nodes[at].cordoned != cordoned {
        state.nodes[at].cordoned = cordoned;
        let message = if cordoned { "node cordoned" } else { "node uncordoned" };
        state.note(shared, message, &format!("node={}", state.nodes[at].name));
    }
}
