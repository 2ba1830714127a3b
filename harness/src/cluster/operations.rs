//! Performs the operations of the plan, each at its time, and enters into the record when each
//! began and what it came to.
//!
//! An operation on a deployment is over when the deployment is complete as Kubernetes has it: all
//! of its pods are updated and available, and no old one is left. A rollout under a gate is over
//! when the gate lets it pass. It has failed when its progress deadline is exceeded and nothing
//! takes it back, as `kubectl rollout status` says it has. A drain is over when the node has no pods.

use squall_reports::record::{EventKind, OperationState};

use super::{
    canary,
    said::said,
    state::{Deployment, Drain, InProgress, State},
};
use crate::{
    plan::{OperationKind, nanos},
    run::environment::Environment,
};

/// When the next operation begins.
pub(super) fn next(state: &State, env: &impl Environment) -> Option<u64> {
    let operation = state.cluster.operations.get(state.operations_begun)?;
    Some(nanos(env.plan().boot) + nanos(operation.at))
}

/// Begins the operations whose time has come.
pub(super) fn begin(state: &mut State, env: &impl Environment, now: u64) {
    while next(state, env).is_some_and(|at| at <= now) {
        let begun = state.operations_begun;
        let kind = state.cluster.operations[begun].kind.clone();
        state.operations_begun += 1;
        let number = u16::try_from(begun).expect("a checked plan has at most 10,000 operations");
        enter(env, number, OperationState::Began);
        perform(state, env, number, kind, now);
        // What the gauges say of the operation begins with what there was.
        state.deployments.iter_mut().for_each(|deployment| deployment.capacity = None);
        state.touch();
    }
}

/// Enters what an operation has come to.
fn enter(env: &impl Environment, operation: u16, state: OperationState) {
    env.record(EventKind::Operation { operation, state });
}

/// Another operation takes the place of one that goes on.
fn begin_in(env: &impl Environment, place: &mut Option<InProgress>, operation: u16) {
    if let Some(overtaken) = place.replace(InProgress { operation, taken_back: false }) {
        enter(env, overtaken.operation, OperationState::Overtaken);
    }
}

impl Deployment {
    /// What was asked of it is done, if nothing is left to be done: `complete` says that it has
    /// all the pods that it shall have, and no others.
    pub(super) fn end_operations(&mut self, env: &impl Environment, complete: bool) {
        if complete && let Some(done) = self.scaling.take() {
            enter(env, done.operation, OperationState::Completed);
        }
        let is_over = self.rollout.complete && self.gate.is_none() && self.canary.is_none();
        if is_over && let Some(done) = self.changing.take() {
            let how = match done.taken_back {
                true => OperationState::RolledBack,
                false => OperationState::Completed,
            };
            enter(env, done.operation, how);
        }
    }

    /// The present rollout is being taken back.
    pub(super) fn takes_operation_back(&mut self) {
        if let Some(in_progress) = &mut self.changing {
            in_progress.taken_back = true;
        }
    }

    /// The present rollout makes no progress any more, and nothing takes it back.
    pub(super) fn fail_operation(&mut self, env: &impl Environment) {
        if let Some(failed) = self.changing.take() {
            enter(env, failed.operation, OperationState::Failed);
        }
    }
}

impl Drain {
    /// The node has no pods any more.
    pub(super) fn end(&self, env: &impl Environment) {
        enter(env, self.operation, OperationState::Completed);
    }
}

fn perform(state: &mut State, env: &impl Environment, number: u16, kind: OperationKind, now: u64) {
    let deployment = |state: &State, name: &str| {
        let mut all = state.deployments.iter();
        all.position(|deployment| deployment.spec.name == *name)
    };
    let node = |state: &State, name: &str| state.nodes.iter().position(|node| node.name == *name);
    match kind {
        OperationKind::Rollout { deployment: name, patch, gate } => {
            let Some(at) = deployment(state, &name) else { return };
            canary::overtake(state, env, at);
            let deployment = &mut state.deployments[at];
            begin_in(env, &mut deployment.changing, number);
            deployment.spec.template = deployment.spec.template.patched(&patch);
            deployment.rollout.takes_back = None;
            state.set_gate(at, gate);
        }
        OperationKind::Canary { deployment: name, patch, steps, gate } => {
            let Some(at) = deployment(state, &name) else { return };
            canary::overtake(state, env, at);
            begin_in(env, &mut state.deployments[at].changing, number);
            canary::begin(state, env, at, &patch, steps, now);
            state.set_gate(at, Some(gate));
        }
        OperationKind::Scale { deployment: name, replicas } => {
            let Some(at) = deployment(state, &name) else { return };
            begin_in(env, &mut state.deployments[at].scaling, number);
            state.deployments[at].spec.replicas = replicas;
            let fields = said("deployment", &name).and("replicas", replicas);
            state.note(env, "deployment scaled", &fields);
        }
        OperationKind::Cordon { node: name } => {
            if let Some(at) = node(state, &name) {
                cordon(state, env, at, true);
            }
            enter(env, number, OperationState::Completed);
        }
        OperationKind::Uncordon { node: name } => {
            if let Some(at) = node(state, &name) {
                end_drains(state, env, at);
                cordon(state, env, at, false);
            }
            enter(env, number, OperationState::Completed);
        }
        OperationKind::Drain { node: name } => {
            if let Some(at) = node(state, &name) {
                end_drains(state, env, at);
                cordon(state, env, at, true);
                state.note(env, "drain started", &said("node", &name));
                state.drains.push(Drain { node: at, operation: number, retry_at: now });
            }
        }
    }
}

/// The drains of a node that go on are overtaken.
fn end_drains(state: &mut State, env: &impl Environment, node: usize) {
    let of_node = |drain: &&Drain| drain.node == node;
    for drain in state.drains.iter().filter(of_node) {
        enter(env, drain.operation, OperationState::Overtaken);
    }
    state.drains.retain(|drain| drain.node != node);
}

fn cordon(state: &mut State, env: &impl Environment, at: usize, cordoned: bool) {
    if state.nodes[at].cordoned != cordoned {
        state.nodes[at].cordoned = cordoned;
        let message = if cordoned { "node cordoned" } else { "node uncordoned" };
        state.note(env, message, &said("node", &state.nodes[at].name));
    }
}
