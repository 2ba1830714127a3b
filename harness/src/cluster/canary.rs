//! Canaries: another revision beside the present one, with a growing share of the requests.
//!
//! The canary has as many pods as its share needs, in addition to those of the deployment, as
//! delivery tools that split the traffic do it. Once it has held all of its shares, its template
//! is the deployment's, and the pods of the former one go.

use super::said::{Said, said};
use super::state::{Canary, Deployment, Progress, Rollout, State};
use crate::{
    plan::{CanaryStep, nanos, percent},
    run::environment::Environment,
};

impl Canary {
    /// The share of the requests that it gets now, in percent: that of its step once the step has
    /// its pods, until then that of the step before.
    pub(super) fn weight(&self) -> Option<u32> {
        let step = if self.since.is_some() { Some(self.step) } else { self.step.checked_sub(1) };
        Some(step.map_or(0, |step| self.steps[step].weight))
    }

    /// When its present step may be over.
    pub(super) fn next_step(&self) -> Option<u64> {
        Some(self.since? + nanos(self.steps[self.step].hold))
    }

    /// When it has made no progress for too long: it lacks pods, or requests to be judged by.
    pub(super) fn deadline(&self, deployment: &Deployment) -> u64 {
        let hold = self.since.map_or(0, |_| nanos(self.steps[self.step].hold));
        deployment.rollout.progressed + hold + nanos(deployment.spec.progress_deadline)
    }
}

/// Begins a canary.
pub(super) fn begin(
    state: &mut State,
    env: &impl Environment,
    at: usize,
    patch: &serde_json::Value,
    steps: Vec<CanaryStep>,
    now: u64,
) {
    let template = state.deployments[at].spec.template.patched(patch);
    if template == state.deployments[at].spec.template {
        return state.note(env, "canary changes nothing", &fields(state, at, 0));
    }
    let set = state.adopt(at, Some(template));
    let deployment = &mut state.deployments[at];
    deployment.canary = Some(Canary { set, steps, step: 0, since: None });
    deployment.rollout.progressed = now;
    let revision = deployment.set(set).map_or(0, |set| set.revision);
    state.note(env, "rollout started", &fields(state, at, revision));
    state.touch();
}

/// A newer rollout takes the place of a canary that goes on.
pub(super) fn overtake(state: &mut State, env: &impl Environment, at: usize) {
    if state.deployments[at].canary.is_some() {
        state.roll_back(env, at, "overtaken");
    }
}

/// Goes on with the canary of a deployment.
pub(super) fn advance(state: &mut State, env: &impl Environment, at: usize, now: u64) {
    let deployment = &state.deployments[at];
    let Some(canary) = &deployment.canary else { return };
    let (set, step) = (canary.set, canary.step);
    let weight = canary.steps[step].weight;
    let replicas = percent(weight).ceil_of(deployment.spec.replicas);
    let revision = deployment.set(set).map_or(0, |set| set.revision);
    state.resize(at, set, replicas);
    let available = state.pods_of_set(at, set).filter(|pod| state.is_available(pod, now)).count();
    let since = state.deployments[at].canary.as_ref().and_then(|canary| canary.since);
    match since {
        None if available >= replicas as usize => {
            let more = fields(state, at, revision).and("weight", weight);
            state.note(env, "canary step", &more);
            set_step(state, at, step, Some(now), now);
        }
        Some(since) => {
            let deployment = &state.deployments[at];
            let canary = deployment.canary.as_ref();
            let Some((hold, last)) =
                canary.map(|it| (it.steps[step].hold, step + 1 == it.steps.len()))
            else {
                return;
            };
            // A share that nobody could judge yet is held for longer.
            let gate = deployment.gate.as_ref();
            let judged = gate.is_none_or(|gate| gate.judged.is_some_and(|at| at > since));
            if now < since + nanos(hold) || !judged {
                return give_up(state, env, at, now);
            }
            if last {
                promote(state, env, at, set, revision, now);
            } else {
                set_step(state, at, step + 1, None, now);
            }
        }
        None => give_up(state, env, at, now),
    }
}

/// Rolls a canary back that is stuck in a step.
fn give_up(state: &mut State, env: &impl Environment, at: usize, now: u64) {
    let deployment = &state.deployments[at];
    let Some(deadline) = deployment.canary.as_ref().map(|canary| canary.deadline(deployment))
    else {
        return;
    };
    if now >= deadline {
        let revision = deployment.canary.as_ref().and_then(|canary| deployment.set(canary.set));
        let more = fields(state, at, revision.map_or(0, |set| set.revision));
        state.note(env, "progress deadline exceeded", &more);
        state.roll_back(env, at, "progress deadline");
    }
}

fn set_step(state: &mut State, at: usize, step: usize, since: Option<u64>, now: u64) {
    let deployment = &mut state.deployments[at];
    deployment.rollout.progressed = now;
    if let Some(canary) = &mut deployment.canary {
        (canary.step, canary.since) = (step, since);
    }
    state.touch();
}

/// The canary becomes the deployment's revision.
fn promote(
    state: &mut State,
    env: &impl Environment,
    at: usize,
    set: u32,
    revision: u32,
    now: u64,
) {
    state.note(env, "canary promoted", &fields(state, at, revision));
    let old = state.pods_of(at).filter(|pod| pod.set != set).count();
    let deployment = &mut state.deployments[at];
    deployment.canary = None;
    if let Some(template) = deployment.set(set).map(|set| set.template.clone()) {
        deployment.spec.template = template;
    }
    let stable = deployment.rollout.stable;
    let old = u32::try_from(old).unwrap_or(u32::MAX);
    let reached = Progress { old, ..Progress::default() };
    deployment.rollout = Rollout { progressed: now, reached, stable, ..Rollout::default() };
    state.touch();
}

fn fields(state: &State, at: usize, revision: u32) -> Said {
    let name = &state.deployments[at].spec.name;
    said("deployment", name).and("revision", revision).and("canary", true)
}
