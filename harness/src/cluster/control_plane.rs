//! The control plane: runs the controllers whenever something has changed, or a time has come.
//!
//! Each pass looks at what there is and does what follows from it, until nothing follows any more.
//! So a control plane that was down takes up where things stand.

use std::sync::Arc;

use squall_reports::record::{EventKind, Gauge};

use super::{
    analysis, api, budget, canary,
    capacity::Capacity,
    drain, endpoints, operations, publisher, replica_set,
    said::{Said, said},
    scheduler,
    state::{ClusterEnvironment, Node, Pod, State},
};
use crate::{
    plan::nanos,
    run::{environment::Environment, rng},
};

/// More rounds than any pass needs: each creates or deletes a pod, and pods are bounded.
const ROUNDS_MAX: usize = 10_000;

/// The controllers, on the host of the control plane.
pub(super) async fn run(env: impl ClusterEnvironment) {
    let changed = env.with(|state| {
        state.watching_since = env.now();
        Arc::clone(&state.changed)
    });
    tokio::spawn(api::serve(env.clone()));
    publisher::spawn(&env);
    analysis::spawn(&env);
    loop {
        let next = env.with(|state| {
            let now = env.now();
            state.reconcile(&env, now);
            state.next_deadline(&env, now)
        });
        let deadline = async {
            match next {
                Some(at) => env.sleep_until(at).await,
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
    fn reconcile(&mut self, env: &impl Environment, now: u64) {
        for _ in 0..ROUNDS_MAX {
            let before = self.version;
            operations::begin(self, env, now);
            self.look_after_nodes(env, now);
            for at in 0..self.deployments.len() {
                canary::advance(self, env, at, now);
                self.roll_out(env, at, now);
                self.end_gate(env, at, now);
                self.fill_sets(env, at, now);
            }
            self.schedule(env, now);
            drain::advance(self, env, now);
            if self.version == before || env.is_stopped() {
                break;
            }
        }
        for at in 0..self.deployments.len() {
            self.publish(env, at, now);
            self.gauge_capacity(env, at, now);
        }
    }

    /// Samples the gauges of a deployment if they have changed.
    fn gauge_capacity(&mut self, env: &impl Environment, at: usize, now: u64) {
        let pods = self.pods_of(at).count();
        let available = self.pods_of(at).filter(|pod| self.is_available(pod, now)).count();
        let deployment = &mut self.deployments[at];
        let is = Capacity::of(deployment.spec.replicas, pods, available);
        if deployment.capacity == Some(is) {
            return;
        }
        deployment.capacity = Some(is);
        let spec = &deployment.spec;
        let gauges = [(spec.missing_gauge(), is.missing), (spec.surplus_gauge(), is.surplus)];
        for (name, value) in gauges {
            let name = env.intern(&name);
            env.record(EventKind::Gauge(Gauge {
                host: self.control_plane,
                name,
                value: value.into(),
            }));
        }
    }

    /// When something is due next although nothing changes until then.
    fn next_deadline(&self, env: &impl Environment, now: u64) -> Option<u64> {
        let nodes = self.nodes.iter().filter(|node| self.pods_on(node.host) || node.lost.is_none());
        let nodes = nodes.map(|node| match node.lost {
            None => self.silent_from(node),
            Some(since) => since + nanos(self.cluster.toleration),
        });
        let ready = self.pods.values().filter_map(|pod| {
            let min_ready = self.deployments[pod.deployment].spec.min_ready;
            Some(pod.ready_since? + nanos(min_ready))
        });
        let rollouts = self.deployments.iter().filter(|it| !it.rollout.complete);
        let rollouts = rollouts.map(|it| it.rollout.progressed + nanos(it.spec.progress_deadline));
        let canaries = self.deployments.iter().flat_map(|it| {
            let canary = it.canary.as_ref();
            let times = canary.map(|canary| [canary.next_step(), Some(canary.deadline(it))]);
            times.into_iter().flatten().flatten()
        });
        let gates = self.deployments.iter().filter_map(|it| it.gate.as_ref()?.until);
        let drains = self.drains.iter().map(|drain| drain.retry_at);
        let operation = operations::next(self, env);
        let all = nodes
            .chain(ready)
            .chain(rollouts)
            .chain(canaries)
            .chain(gates)
            .chain(drains)
            .chain(operation);
        all.filter(|at| *at > now).min()
    }

    fn pods_on(&self, node: u16) -> bool {
        let on = |node_of: usize| self.nodes[node_of].host == node;
        self.pods.values().any(|pod| pod.node.is_some_and(on) && pod.deleted.is_none())
    }

    /// When a node counts as silent, unless its lease is renewed before.
    fn silent_from(&self, node: &Node) -> u64 {
        node.lease.max(self.watching_since) + nanos(self.cluster.node_monitor_grace)
    }

    /// The node controller: a node whose kubelet is silent for too long is not ready, and neither
    /// are its pods; after their toleration they are deleted.
    fn look_after_nodes(&mut self, env: &impl Environment, now: u64) {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let was = node.lost;
            let silent = was.map_or(now >= self.silent_from(node), |since| node.lease < since);
            let node = &mut self.nodes[at];
            node.lost = silent.then(|| was.unwrap_or(now));
            let since = node.lost;
            let fields = said("node", &node.name);
            let pods: Vec<u16> =
                self.pods.values().filter(|pod| pod.node == Some(at)).map(|p| p.host).collect();
            if was.is_some() != silent {
                let message = if silent { "node not ready" } else { "node ready" };
                self.note(env, message, &fields);
                for &pod in &pods {
                    // Whether it is ready is to be reported again.
                    if let Some(pod) = self.pods.get_mut(&pod) {
                        pod.reported = false;
                    }
                    let ready = self.pods[&pod].ready_since.is_some();
                    self.touch_pod(pod, now);
                    self.note_readiness(env, pod, ready, "node");
                }
                self.touch();
            }
            if since.is_some_and(|since| now >= since + nanos(self.cluster.toleration)) {
                for pod in pods {
                    self.delete_pod(env, pod, "node", now);
                }
            }
        }
    }

    /// Logs that a pod is ready, or no longer, if that is news.
    pub(super) fn note_readiness(&self, env: &impl Environment, pod: u16, was: bool, why: &str) {
        let is = self.pods.get(&pod).is_some_and(|pod| pod.ready_since.is_some());
        if is && !was {
            self.note_pod(env, pod, "pod ready", Said::default());
        } else if was && !is {
            self.note_pod(env, pod, "pod not ready", said("reason", why));
        }
    }

    /// The replica-set controller: creates the pods that a set lacks and deletes those that it has
    /// too many.
    fn fill_sets(&mut self, env: &impl Environment, at: usize, now: u64) {
        let sets: Vec<(u32, u32)> =
            self.deployments[at].sets.iter().map(|set| (set.id, set.replicas)).collect();
        for (id, replicas) in sets {
            let has = u32::try_from(self.pods_of_set(at, id).count()).unwrap_or(u32::MAX);
            for _ in has..replicas {
                self.create_pod(env, at, id, now);
            }
            if has > replicas {
                let candidates: Vec<_> =
                    self.pods_of_set(at, id).map(|pod| self.candidate(pod)).collect();
                for pod in replica_set::surplus(candidates, has - replicas) {
                    self.delete_pod(env, pod, "replicas", now);
                }
            }
        }
    }

    fn candidate(&self, pod: &Pod) -> replica_set::Candidate {
        let beside = self.pods_of_set(pod.deployment, pod.set).filter(|it| it.node == pod.node);
        replica_set::Candidate {
            pod: pod.host,
            scheduled: pod.node.is_some(),
            running: pod.has_started(),
            ready: pod.ready_since.is_some(),
            beside: u32::try_from(beside.count()).unwrap_or(u32::MAX),
            since: pod.ready_since.unwrap_or(pod.created),
            restarts: pod.restarts,
        }
    }

    /// The scheduler.
    fn schedule(&mut self, env: &impl Environment, now: u64) {
        let waiting: Vec<u16> =
            self.pods.values().filter(|pod| pod.node.is_none()).map(|pod| pod.host).collect();
        for host in waiting {
            let deployment = self.pods[&host].deployment;
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let view = |(at, node): (usize, &Node)| {
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
                    self.note_pod(env, host, "pod scheduled", Said::default());
                    self.touch_pod(host, now);
                }
                None if !pod.unschedulable => {
                    pod.unschedulable = true;
                    self.note_pod(env, host, "pod unschedulable", Said::default());
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
            running: pod.has_started(),
            ready: pod.ready_since.is_some(),
            healthy: u32::try_from(healthy).unwrap_or(u32::MAX),
            desired_healthy: budget.desired_healthy(spec.replicas),
        })
    }

    /// The endpoints controller: a change is on its way to each load balancer from now on.
    fn publish(&mut self, env: &impl Environment, at: usize, now: u64) {
        let deployment = &self.deployments[at];
        let canary = deployment.canary.as_ref();
        let ready = deployment.sets.iter().map(|set| {
            let ready = self.pods_of_set(at, set.id).filter(|pod| pod.ready_since.is_some());
            let port = set.template.port;
            endpoints::Ready {
                name: set.group(),
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
        let fields = said("deployment", &deployment.spec.name).and("endpoints", endpoints);
        self.note(env, "endpoints changed", &fields);
    }
}
