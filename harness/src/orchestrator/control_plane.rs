//! The control plane: runs the controllers whenever something has changed, or a time has come.
//!
//! Each pass looks at what there is and does what follows from it, until nothing follows any more.
//! So a control plane that was down takes up where things stand.

use std::sync::Arc;

use squall_os::sim::sleep_until;

use super::{
    budget, canary, deployment, drain, endpoints, operations, publisher, replica_set, scheduler,
    state::{Container, Progress, ReplicaSet, State, with},
};
use crate::{
    interpose,
    plan::nanos,
    sim::{rng, shared::Shared},
};

/// More rounds than any pass needs: each creates or deletes a pod, and pods are bounded.
const ROUNDS_MAX: usize = 10_000;

/// The controllers, on the host of the control plane.
pub(crate) async fn run() {
    let Some(changed) = with(|_, state| Arc::clone(&state.changed)) else { return };
    publisher::spawn();
    loop {
        let next = with(|shared, state| {
            let now = interpose::now();
            state.reconcile(shared, now);
            state.next_deadline(shared, now)
        });
        let deadline = async {
            match next.flatten() {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = changed.notified() => {}
            () = deadline => {}
        }
    }
}

impl State {
    fn reconcile(&mut self, shared: &Shared, now: u64) {
        for _ in 0..ROUNDS_MAX {
            let before = self.version;
            operations::begin(self, shared, now);
            self.look_after_nodes(shared, now);
            for at in 0..self.deployments.len() {
                canary::advance(self, shared, at, now);
                self.roll_out(shared, at, now);
                self.fill_sets(shared, at, now);
            }
            self.schedule(shared, now);
            drain::advance(self, shared, now);
            if self.version == before || shared.stopped().is_some() {
                break;
            }
        }
        for at in 0..self.deployments.len() {
            self.publish(shared, at, now);
        }
    }

    /// When something is due next although nothing changes until then.
    fn next_deadline(&self, shared: &Shared, now: u64) -> Option<u64> {
        let nodes = self.nodes.iter().filter(|node| self.pods_on(node.host) || node.lost.is_none());
        let nodes = nodes.map(|node| match node.lost {
            None => node.lease + nanos(self.cluster.node_monitor_grace),
            Some(since) => since + nanos(self.cluster.toleration),
        });
        let ready = self.pods.values().filter_map(|pod| {
            let min_ready = self.deployments[pod.deployment].spec.min_ready;
            Some(pod.ready_since? + nanos(min_ready))
        });
        let rollouts = self.deployments.iter().filter(|it| !it.rollout.complete);
        let rollouts = rollouts.map(|it| it.rollout.progressed + nanos(it.spec.progress_deadline));
        let canaries = self.deployments.iter().filter_map(|it| it.canary.as_ref()?.next_step());
        let drains = self.drains.iter().map(|drain| drain.retry_at);
        let operation = operations::next(self, shared);
        let all = nodes.chain(ready).chain(rollouts).chain(canaries).chain(drains).chain(operation);
        all.filter(|at| *at > now).min()
    }

    fn pods_on(&self, node: u16) -> bool {
        let on = |node_of: usize| self.nodes[node_of].host == node;
        self.pods.values().any(|pod| pod.node.is_some_and(on) && pod.deleted.is_none())
    }

    /// The node controller: a node whose kubelet is silent for too long is not ready, and neither
    /// are its pods; after their toleration they are deleted.
    fn look_after_nodes(&mut self, shared: &Shared, now: u64) {
        for at in 0..self.nodes.len() {
            let node = &mut self.nodes[at];
            let silent = now >= node.lease + nanos(self.cluster.node_monitor_grace);
            let was = node.lost;
            node.lost = silent.then(|| was.unwrap_or(now));
            let since = node.lost;
            let fields = format!("node={}", node.name);
            let pods: Vec<u16> =
                self.pods.values().filter(|pod| pod.node == Some(at)).map(|p| p.host).collect();
            if was.is_some() != silent {
                let message = if silent { "node not ready" } else { "node ready" };
                self.note(shared, message, &fields);
                for &pod in &pods {
                    let ready = self.pods[&pod].ready_since.is_some();
                    self.touch_pod(pod, now);
                    self.note_readiness(shared, pod, ready, "node");
                }
                self.touch();
            }
            if since.is_some_and(|since| now >= since + nanos(self.cluster.toleration)) {
                for pod in pods {
                    self.delete_pod(shared, pod, "node", now);
                }
            }
        }
    }

    /// Logs that a pod is ready, or no longer, if that is news.
    pub(super) fn note_readiness(&self, shared: &Shared, pod: u16, was: bool, why: &str) {
        let is = self.pods.get(&pod).is_some_and(|pod| pod.ready_since.is_some());
        if is && !was {
            self.note_pod(shared, pod, "pod ready", "");
        } else if was && !is {
            self.note_pod(shared, pod, "pod not ready", &format!("reason={why}"));
        }
    }

    /// The deployment controller.
    fn roll_out(&mut self, shared: &Shared, at: usize, now: u64) {
        self.ensure_newest(shared, at, now);
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
        self.note_progress(shared, at, now);
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
    fn ensure_newest(&mut self, shared: &Shared, at: usize, now: u64) {
        let deployment = &self.deployments[at];
        if deployment.newest().is_some_and(|set| set.template == deployment.spec.template) {
            return;
        }
        self.adopt(at, None);
        let deployment = &mut self.deployments[at];
        let stable = deployment.rollout.stable;
        let takes_back = deployment.rollout.takes_back;
        let old = deployment.sets.iter().map(|set| set.replicas).sum();
        deployment.rollout = super::state::Rollout {
            progressed: now,
            reached: Progress { old, ..Progress::default() },
            stable,
            takes_back,
            ..Default::default()
        };
        let revision = deployment.newest().map_or(0, |set| set.revision);
        let fields = format!("deployment={} revision={revision}", deployment.spec.name);
        self.note(shared, "rollout started", &fields);
        self.forget_history(at);
        self.touch();
    }

    /// Makes the set of this template (the desired one, if `None`) the last of the list, with the
    /// next revision; its id.
    pub(super) fn adopt(&mut self, at: usize, template: Option<crate::plan::PodTemplate>) -> u32 {
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
    fn note_progress(&mut self, shared: &Shared, at: usize, now: u64) {
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
        let fields = format!("deployment={} revision={revision}", deployment.spec.name);
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
            rollout.stable = Some(id);
            let taken_back = rollout.takes_back.take();
            Some(match taken_back {
                Some(of) => ("rollout rolled back", format!("{fields} from={of}")),
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
        let Some((message, fields)) = news else { return };
        self.note(shared, message, &fields);
        if rollout.complete {
            self.deployments[at].gate = None;
        } else if rolls_back {
            self.roll_back(shared, at, "progress deadline");
        }
        self.touch();
    }

    /// Takes the present rollout or canary back: to the template of the last complete rollout.
    pub(super) fn roll_back(&mut self, shared: &Shared, at: usize, why: &str) {
        let deployment = &mut self.deployments[at];
        deployment.gate = None;
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
            self.resize(at, set, 0);
            let fields = format!("deployment={name} revision={revision} reason={why}");
            return self.note(shared, "rollback started", &fields);
        }
        let Some(newest) = deployment.newest() else { return };
        let revision = newest.revision;
        let stable = deployment.rollout.stable.and_then(|id| deployment.set(id));
        let fields = format!("deployment={name} revision={revision} reason={why}");
        match stable.map(|set| set.template.clone()) {
            Some(template) if deployment.rollout.takes_back.is_none() => {
                deployment.spec.template = template;
                deployment.rollout.takes_back = Some(revision);
                self.note(shared, "rollback started", &fields);
                self.touch();
            }
            _ => self.note(shared, "nothing to roll back to", &fields),
        }
    }

    /// The replica-set controller: creates the pods that a set lacks and deletes those that it has
    /// too many.
    fn fill_sets(&mut self, shared: &Shared, at: usize, now: u64) {
        let sets: Vec<(u32, u32)> =
            self.deployments[at].sets.iter().map(|set| (set.id, set.replicas)).collect();
        for (id, replicas) in sets {
            let has = u32::try_from(self.pods_of_set(at, id).count()).unwrap_or(u32::MAX);
            for _ in has..replicas {
                self.create_pod(shared, at, id, now);
            }
            if has > replicas {
                let candidates: Vec<_> =
                    self.pods_of_set(at, id).map(|pod| self.candidate(pod)).collect();
                for pod in replica_set::surplus(candidates, has - replicas) {
                    self.delete_pod(shared, pod, "replicas", now);
                }
            }
        }
    }

    fn candidate(&self, pod: &super::state::Pod) -> replica_set::Candidate {
        let beside = self.pods_of_set(pod.deployment, pod.set).filter(|it| it.node == pod.node);
        replica_set::Candidate {
            pod: pod.host,
            scheduled: pod.node.is_some(),
            running: matches!(pod.container, Container::Running { .. }),
            ready: pod.ready_since.is_some(),
            beside: u32::try_from(beside.count()).unwrap_or(u32::MAX),
            since: pod.ready_since.unwrap_or(pod.created),
            restarts: pod.restarts,
        }
    }

    /// The scheduler.
    fn schedule(&mut self, shared: &Shared, now: u64) {
        let waiting: Vec<u16> =
            self.pods.values().filter(|pod| pod.node.is_none()).map(|pod| pod.host).collect();
        for host in waiting {
            let deployment = self.pods[&host].deployment;
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let view = |(at, node): (usize, &super::state::Node)| {
                let on = || self.pods.values().filter(move |pod| pod.node == Some(at));
                let beside =
                    on().filter(|pod| pod.deployment == deployment && pod.deleted.is_none());
                scheduler::Candidate {
                    open: !node.cordoned && node.lost.is_none(),
                    pods: count(on().count()),
                    pods_max: node.pods_max,
                    beside: count(beside.count()),
                }
            };
            let nodes: Vec<_> = self.nodes.iter().enumerate().map(view).collect();
            let chosen = scheduler::choose(&nodes);
            let Some(pod) = self.pods.get_mut(&host) else { continue };
            match chosen {
                Some(_) => {
                    pod.node = chosen;
                    self.note_pod(shared, host, "pod scheduled", "");
                    self.touch_pod(host, now);
                }
                None if !pod.unschedulable => {
                    pod.unschedulable = true;
                    self.note_pod(shared, host, "pod unschedulable", "");
                }
                None => {}
            }
        }
    }

    /// The eviction API: may this pod be evicted?
    pub(super) fn may_evict(&self, host: u16) -> bool {
        let Some(pod) = self.pods.get(&host) else { return true };
        let spec = &self.deployments[pod.deployment].spec;
        let budgets = &self.cluster.disruption_budgets;
        let Some(budget) = budgets.iter().find(|budget| budget.deployment == spec.name) else {
            return true;
        };
        let healthy = self.pods_of(pod.deployment).filter(|pod| pod.ready_since.is_some()).count();
        budget::allows(budget::Health {
            running: matches!(pod.container, Container::Running { .. }),
            ready: pod.ready_since.is_some(),
            healthy: u32::try_from(healthy).unwrap_or(u32::MAX),
            desired_healthy: budget.desired_healthy(spec.replicas),
        })
    }

    /// The endpoints controller: a change is on its way to each load balancer from now on.
    fn publish(&mut self, shared: &Shared, at: usize, now: u64) {
        let deployment = &self.deployments[at];
        let canary = deployment.canary.as_ref();
        let ready = deployment.sets.iter().map(|set| {
            let ready = self.pods_of_set(at, set.id).filter(|pod| pod.ready_since.is_some());
            let port = set.template.port;
            endpoints::Ready {
                revision: set.revision,
                endpoints: ready.map(|pod| format!("{}:{port}", pod.name)).collect(),
                canary: canary.is_some_and(|canary| canary.set == set.id),
            }
        });
        let weight = canary.and_then(|canary| canary.weight());
        let groups = endpoints::groups(ready.collect(), weight);
        if groups == deployment.endpoints {
            return;
        }
        let delay = self.cluster.endpoint_propagation;
        let deployment = &mut self.deployments[at];
        deployment.endpoints.clone_from(&groups);
        for publication in &mut deployment.publications {
            let due = now + rng::draw(&delay, &mut publication.delay);
            publication.states += 1;
            publication.pending.push((due, publication.states, groups.clone()));
            publication.changed.notify_one();
        }
        let endpoints: usize = groups.iter().map(|group| group.endpoints.len()).sum();
        let fields = format!("deployment={} endpoints={endpoints}", deployment.spec.name);
        self.note(shared, "endpoints changed", &fields);
    }
}
