//! Rollouts: has the deployment controller decide what is next, and says what a rollout has come
//! to.

use super::{
    deployment,
    said::said,
    state::{Progress, ReplicaSet, Rollout, State},
};
use crate::{
    plan::{PodTemplate, nanos},
    run::environment::Environment,
};

impl State {
    /// The deployment controller.
    pub(super) fn roll_out(&mut self, env: &impl Environment, at: usize, now: u64) {
        self.ensure_newest(env, at, now);
        let deployment = &self.deployments[at];
        let (surge, unavailable) = deployment.spec.fenceposts(deployment.spec.replicas);
        let size = deployment::Size { replicas: deployment.spec.replicas, surge, unavailable };
        let canary = deployment.canary.as_ref().map(|canary| canary.set);
        let ids: Vec<u32> =
            deployment.sets.iter().map(|set| set.id).filter(|id| Some(*id) != canary).collect();
        let view = |id: &u32| {
            let set = deployment.set(*id).expect("the ids are those of its sets");
            let available =
                self.pods_of_set(at, *id).filter(|pod| self.is_available(pod, now)).count();
            deployment::Set {
                replicas: set.replicas,
                available: u32::try_from(available).unwrap_or(u32::MAX),
                sized_for: set.sized_for,
            }
        };
        let sets: Vec<deployment::Set> = ids.iter().map(view).collect();
        let replicas = deployment::reconcile(size, &sets);
        for (id, replicas) in ids.into_iter().zip(replicas) {
            self.resize(at, id, replicas);
        }
        self.note_progress(env, at, now);
    }

    /// Gives a set its size.
    pub(super) fn resize(&mut self, at: usize, id: u32, replicas: u32) {
        let deployment = &mut self.deployments[at];
        let (surge, _) = deployment.spec.fenceposts(deployment.spec.replicas);
        let sized_for = (deployment.spec.replicas, deployment.spec.replicas + surge);
        let Some(set) = deployment.sets.iter_mut().find(|set| set.id == id) else { return };
        if set.replicas != replicas || (set.sized_for != sized_for && replicas > 0) {
            set.replicas = replicas;
            set.sized_for = sized_for;
            self.touch();
        }
    }

    /// Makes the set of the desired template the newest: a new one, or an earlier one with the
    /// same template.
    fn ensure_newest(&mut self, env: &impl Environment, at: usize, now: u64) {
        let deployment = &self.deployments[at];
        if deployment.newest().is_some_and(|set| set.template == deployment.spec.template) {
            return;
        }
        self.adopt(at, None);
        let deployment = &mut self.deployments[at];
        let stable = deployment.rollout.stable;
        let takes_back = deployment.rollout.takes_back;
        let old = deployment.sets.iter().map(|set| set.replicas).sum();
        deployment.rollout = Rollout {
            progressed: now,
            reached: Progress { old, ..Progress::default() },
            stable,
            takes_back,
            ..Default::default()
        };
        let revision = deployment.newest().map_or(0, |set| set.revision);
        let fields = said("deployment", &deployment.spec.name).and("revision", revision);
        self.note(env, "rollout started", &fields);
        self.touch();
    }

    /// Makes the set of this template (the desired one, if `None`) the last of the list, with the
    /// next revision; its id.
    pub(super) fn adopt(&mut self, at: usize, template: Option<PodTemplate>) -> u32 {
        let deployment = &mut self.deployments[at];
        let template = template.unwrap_or_else(|| deployment.spec.template.clone());
        let revision = 1 + deployment.sets.iter().map(|set| set.revision).max().unwrap_or(0);
        let known = deployment.sets.iter().position(|set| set.template == template);
        let mut set = match known {
            Some(place) => deployment.sets.remove(place),
            None => ReplicaSet { id: revision, revision, template, replicas: 0, sized_for: (0, 0) },
        };
        set.revision = revision;
        let id = set.id;
        deployment.sets.push(set);
        id
    }

    /// Forgets revisions without pods beyond the history limit, the oldest first.
    fn forget_history(&mut self, at: usize) {
        let deployment = &self.deployments[at];
        let newest = deployment.newest().map(|set| set.id);
        let used: Vec<u32> = (self.pods.values())
            .filter(|pod| pod.deployment == at)
            .map(|pod| pod.set)
            .chain(newest)
            .chain(deployment.canary.as_ref().map(|canary| canary.set))
            .collect();
        let idle = |set: &ReplicaSet| set.replicas == 0 && !used.contains(&set.id);
        let count = deployment.sets.iter().filter(|set| idle(set)).count();
        let kept = deployment.spec.revision_history_limit as usize;
        let mut surplus = count.saturating_sub(kept);
        let deployment = &mut self.deployments[at];
        deployment.sets.retain(|set| {
            let forget = surplus > 0 && set.replicas == 0 && !used.contains(&set.id);
            surplus -= usize::from(forget);
            !forget
        });
    }

    /// Notes what a rollout has come to, and what follows from that.
    fn note_progress(&mut self, env: &impl Environment, at: usize, now: u64) {
        if self.deployments[at].rollout.complete {
            self.forget_history(at);
        }
        let deployment = &self.deployments[at];
        let Some(newest) = deployment.newest() else { return };
        let (id, revision) = (newest.id, newest.revision);
        let canary = deployment.canary.as_ref().map(|canary| canary.set);
        let pods = |new: bool| {
            self.pods_of(at).filter(move |pod| (pod.set == id) == new && Some(pod.set) != canary)
        };
        let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
        let is = Progress {
            updated: count(pods(true).count()),
            ready: count(pods(true).filter(|pod| pod.ready_since.is_some()).count()),
            available: count(pods(true).filter(|pod| self.is_available(pod, now)).count()),
            old: count(pods(false).count()),
        };
        let replicas = deployment.spec.replicas;
        let fields = said("deployment", &deployment.spec.name).and("revision", revision);
        let deadline = nanos(deployment.spec.progress_deadline);
        let rolls_back = deployment.spec.rollback_on_progress_deadline;
        let mut rollout = deployment.rollout;
        let was = rollout.reached;
        if is.updated > was.updated
            || is.ready > was.ready
            || is.available > was.available
            || is.old < was.old
        {
            rollout.progressed = now;
            rollout.deadline_exceeded = false;
        }
        rollout.reached = is;
        let complete = is.updated == replicas && is.available == replicas && is.old == 0;
        let news = if !rollout.complete && complete {
            rollout.complete = true;
            if deployment.gate.is_none() {
                rollout.stable = Some(id);
            }
            let taken_back = rollout.takes_back.take();
            Some(match taken_back {
                Some(of) => ("rollout rolled back", fields.and("from", of)),
                None => ("rollout complete", fields),
            })
        } else if !rollout.complete
            && !rollout.deadline_exceeded
            && now >= rollout.progressed + deadline
        {
            rollout.deadline_exceeded = true;
            Some(("progress deadline exceeded", fields))
        } else {
            None
        };
        self.deployments[at].rollout = rollout;
        if let Some((message, fields)) = news {
            self.note(env, message, &fields);
            if !rollout.complete && rolls_back {
                self.roll_back(env, at, "progress deadline");
            } else if !rollout.complete {
                self.deployments[at].fail_operation(env);
            }
            self.touch();
        }
        self.deployments[at].end_operations(env, complete);
    }

    /// Takes the present rollout or canary back: to the template of the last complete rollout.
    pub(super) fn roll_back(&mut self, env: &impl Environment, at: usize, why: &str) {
        self.set_gate(at, None);
        let deployment = &mut self.deployments[at];
        let name = deployment.spec.name.clone();
        if let Some(canary) = deployment.canary.take() {
            let revision = deployment.set(canary.set).map_or(0, |set| set.revision);
            // The canary is an older revision from now on, and goes as its pods do.
            if let Some(place) = deployment.sets.iter().position(|set| set.id == canary.set) {
                let set = deployment.sets.remove(place);
                deployment.sets.insert(0, set);
            }
            let set = canary.set;
            deployment.rollout.takes_back = Some(revision);
            deployment.rollout.complete = false;
            deployment.takes_operation_back();
            self.resize(at, set, 0);
            let to = self.deployments[at].newest().map_or(0, |set| set.revision);
            let fields = said("deployment", &name).and("revision", revision);
            let fields = fields.and("to", to).and("reason", why);
            return self.note(env, "rollback started", &fields);
        }
        let Some(newest) = deployment.newest() else { return };
        let revision = newest.revision;
        let stable = deployment.rollout.stable.and_then(|id| deployment.set(id));
        let fields = said("deployment", &name).and("revision", revision);
        match stable.map(|set| (set.template.clone(), set.revision)) {
            Some((template, to)) if deployment.rollout.takes_back.is_none() => {
                deployment.spec.template = template;
                deployment.rollout.takes_back = Some(revision);
                deployment.takes_operation_back();
                let fields = fields.and("to", to).and("reason", why);
                self.note(env, "rollback started", &fields);
                self.touch();
            }
            _ => {
                deployment.fail_operation(env);
                self.note(env, "nothing to roll back to", &fields.and("reason", why));
            }
        }
    }
}
