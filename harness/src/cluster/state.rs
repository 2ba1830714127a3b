//! What the API server stores: nodes, deployments with their replica sets, and pods.
//!
//! The controllers and the kubelets of a run reach it through [`with`], each for a moment. Whoever
//! changes it wakes those who look after what was changed.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use rand_chacha::ChaCha8Rng;
use squall_reports::record::EndCause;
use tokio::sync::Notify;

use super::{
    capacity::Capacity,
    endpoints::Group,
    said::{Said, log, said},
};
use crate::{
    plan::{self, Cluster, Gate, PodTemplate, Topology, nanos},
    run::{command::Command, environment::Environment, rng},
};

pub(crate) struct State {
    pub(super) cluster: Cluster,
    pub(super) control_plane: u16,
    pub(super) nodes: Vec<Node>,
    pub(super) deployments: Vec<Deployment>,
    /// By host; a pod that is gone is not here any more.
    pub(super) pods: BTreeMap<u16, Pod>,
    /// How many operations of the plan have begun, in order of time.
    pub(super) operations_begun: usize,
    /// Since when the controllers run, this time: before that they have not seen any lease.
    pub(super) watching_since: u64,
    pub(super) drains: Vec<Drain>,
    /// For the controllers: something has changed.
    pub(super) changed: Arc<Notify>,
    /// Counts the changes.
    pub(super) version: u64,
}

/// A node.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) host: u16,
    pub(super) pods_max: u32,
    pub(super) cordoned: bool,
    /// When its kubelet last renewed its lease.
    pub(super) lease: u64,
    /// Does its kubelet reach the API server?
    pub(super) connected: bool,
    /// Since when it is not ready, if it is not.
    pub(super) lost: Option<u64>,
    /// For its kubelet: its pods have changed.
    pub(super) changed: Arc<Notify>,
}

/// A deployment with its revisions.
pub(super) struct Deployment {
    /// What is desired, as the operations have left it.
    pub(super) spec: plan::Deployment,
    /// The host of its first pod; the others follow.
    pub(super) first_host: u16,
    pub(super) pods_created: u32,
    /// From the oldest to the newest revision.
    pub(super) sets: Vec<ReplicaSet>,
    pub(super) rollout: Rollout,
    pub(super) canary: Option<Canary>,
    /// What rolls the present rollout back, and how many gates there have been.
    pub(super) gate: Option<Gated>,
    pub(super) gates: u32,
    /// For the analysis: there is another gate.
    pub(super) gate_changed: Arc<Notify>,
    /// What was asked of it last, until that is over: another template, another number of pods.
    pub(super) changing: Option<InProgress>,
    pub(super) scaling: Option<InProgress>,
    /// What the gauges of it last said.
    pub(super) capacity: Option<Capacity>,
    pub(super) endpoints: Vec<Group>,
    pub(super) publications: Vec<Publication>,
}

/// An operation of the plan that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InProgress {
    /// Its place among the operations.
    pub(super) operation: u16,
    /// Is what it did being taken back?
    pub(super) taken_back: bool,
}

/// The pods of one revision.
pub(super) struct ReplicaSet {
    /// Names the set for good; its revision changes when it is rolled back to.
    pub(super) id: u32,
    pub(super) revision: u32,
    pub(super) template: PodTemplate,
    pub(super) replicas: u32,
    pub(super) sized_for: (u32, u32),
}

/// How far the rollout of the newest revision is.
#[derive(Clone, Copy, Default)]
pub(super) struct Rollout {
    pub(super) complete: bool,
    pub(super) deadline_exceeded: bool,
    /// When it last made progress, and what it had come to.
    pub(super) progressed: u64,
    pub(super) reached: Progress,
    /// The revision that it takes back.
    pub(super) takes_back: Option<u32>,
    /// The set of the last rollout that was complete.
    pub(super) stable: Option<u32>,
}

/// What counts as progress when it grows, and `old` when it shrinks.
#[derive(Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) updated: u32,
    pub(super) ready: u32,
    pub(super) available: u32,
    pub(super) old: u32,
}

/// A revision that is under a gate.
pub(super) struct Gated {
    pub(super) gate: Gate,
    /// Tells it from other gates.
    pub(super) number: u32,
    /// When all of its bounds were last seen to hold, with enough requests to tell.
    pub(super) judged: Option<u64>,
    /// When it ends, once the rollout is complete.
    pub(super) until: Option<u64>,
}

/// A revision that gets a share of the requests.
pub(super) struct Canary {
    pub(super) set: u32,
    pub(super) steps: Vec<plan::CanaryStep>,
    pub(super) step: usize,
    /// Since when the step has the pods that it needs.
    pub(super) since: Option<u64>,
}

/// What one load balancer is told of the endpoints of a deployment.
pub(super) struct Publication {
    pub(super) address: String,
    pub(super) delay: ChaCha8Rng,
    /// States of the endpoints on their way: when each arrives, its number, and what it says.
    pub(super) pending: Vec<(u64, u64, Vec<Group>)>,
    /// How many states there have been.
    pub(super) states: u64,
    pub(super) changed: Arc<Notify>,
}

/// A drain that goes on.
pub(super) struct Drain {
    pub(super) node: usize,
    /// Its place among the operations.
    pub(super) operation: u16,
    /// When the next evictions are tried.
    pub(super) retry_at: u64,
}

/// A pod.
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) host: u16,
    pub(super) deployment: usize,
    pub(super) set: u32,
    pub(super) node: Option<usize>,
    pub(super) created: u64,
    pub(super) container: Container,
    pub(super) restarts: u32,
    /// What the kubelet finds, and what of that the API server knows.
    pub(super) passes: bool,
    pub(super) reported: bool,
    /// Since when it is ready: it is reported to be, is not being deleted, and its node is ready.
    pub(super) ready_since: Option<u64>,
    /// Since when it is being deleted.
    pub(super) deleted: Option<u64>,
    /// Was it said that no node takes it?
    pub(super) unschedulable: bool,
    /// For its worker in the kubelet: it has changed.
    pub(super) changed: Arc<Notify>,
}

/// The container of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Waiting,
    Running { since: u64 },
    Ended { ran: u64 },
}

impl Pod {
    /// Has its container ever run? If not, the pod is still pending.
    pub(super) fn has_started(&self) -> bool {
        self.restarts > 0 || self.container != Container::Waiting
    }
}

/// The surroundings of what performs a cluster: the state that all of it shares, and processes.
pub(crate) trait ClusterEnvironment: Environment {
    /// Does something with the state, for a moment in which nobody else does.
    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R;

    /// Has something done to a process, soon.
    fn command(&self, command: Command);

    /// Where whoever listens at `viewer` reaches `address`, both `name:port`.
    fn seen_by(&self, viewer: &str, address: &str) -> impl Future<Output = String> + Send;
}

/// Logs what happened to a pod, on its host.
pub(super) fn note(env: &impl ClusterEnvironment, host: u16, message: &str, fields: Said) {
    env.with(|state| state.note_pod(env, host, message, fields));
}

impl State {
    /// The state at the beginning of a run: `topology` has the hosts of the cluster.
    pub(crate) fn new(cluster: &Cluster, topology: &Topology, seed: u64) -> Self {
        let host = |name: &str| {
            let index = topology.index_of(name).expect("the hosts of the cluster are in it");
            u16::try_from(index).expect("a checked plan has at most 10,000 hosts")
        };
        let nodes = cluster.nodes.iter().map(|node| Node {
            name: node.name.clone(),
            host: host(&node.name),
            pods_max: node.pods,
            cordoned: false,
            lease: 0,
            connected: false,
            lost: None,
            changed: Arc::default(),
        });
        let deployments = cluster.deployments.iter().map(|spec| Deployment {
            spec: spec.clone(),
            first_host: host(&spec.pod(1)),
            pods_created: 0,
            sets: Vec::new(),
            rollout: Rollout::default(),
            canary: None,
            gate: None,
            gates: 0,
            gate_changed: Arc::default(),
            changing: None,
            scaling: None,
            capacity: None,
            endpoints: Vec::new(),
            publications: spec
                .publish_to
                .iter()
                .map(|address| Publication {
                    address: address.clone(),
                    delay: rng::stream(seed, &format!("endpoints of {} to {address}", spec.name)),
                    pending: Vec::new(),
                    states: 0,
                    changed: Arc::default(),
                })
                .collect(),
        });
        let mut cluster_in_order = cluster.clone();
        cluster_in_order.operations.sort_by_key(|operation| operation.at);
        Self {
            control_plane: host(&cluster.control_plane),
            nodes: nodes.collect(),
            deployments: deployments.collect(),
            cluster: cluster_in_order,
            pods: BTreeMap::new(),
            operations_begun: 0,
            watching_since: 0,
            drains: Vec::new(),
            changed: Arc::default(),
            version: 0,
        }
    }

    /// Is this the host of a pod? Its process is the kubelet's to start.
    pub(crate) fn is_pod(&self, host: u16) -> bool {
        self.deployments.first().is_some_and(|deployment| host >= deployment.first_host)
    }

    /// Something has changed that controllers look at.
    pub(super) fn touch(&mut self) {
        self.version += 1;
        self.changed.notify_one();
    }

    /// A pod has changed: its worker, its kubelet and the controllers look at it.
    pub(super) fn touch_pod(&mut self, host: u16, now: u64) {
        let Some(pod) = self.pods.get_mut(&host) else { return };
        let node = pod.node.map(|node| &self.nodes[node]);
        if node.is_some_and(|node| node.connected) {
            pod.reported = pod.passes;
        }
        let node_ready = node.is_some_and(|node| node.lost.is_none());
        let ready = pod.reported && pod.deleted.is_none() && node_ready;
        pod.ready_since = ready.then(|| pod.ready_since.unwrap_or(now));
        pod.changed.notify_waiters();
        if let Some(node) = node {
            node.changed.notify_one();
        }
        self.touch();
    }

    /// Creates a pod of a set.
    pub(super) fn create_pod(&mut self, env: &impl Environment, at: usize, set: u32, now: u64) {
        let deployment = &mut self.deployments[at];
        if deployment.pods_created >= deployment.spec.pods_max {
            let (most, name) = (deployment.spec.pods_max, &deployment.spec.name);
            let limit = format!("{most} pods of {name} (pods_max)");
            return env.stop(EndCause::LimitReached { limit });
        }
        deployment.pods_created += 1;
        let number = deployment.pods_created;
        let host = deployment.first_host + u16::try_from(number - 1).expect("hosts are few");
        let pod = Pod {
            name: deployment.spec.pod(number),
            host,
            deployment: at,
            set,
            node: None,
            created: now,
            container: Container::Waiting,
            restarts: 0,
            passes: false,
            reported: false,
            ready_since: None,
            deleted: None,
            unschedulable: false,
            changed: Arc::default(),
        };
        self.pods.insert(host, pod);
        self.note_pod(env, host, "pod created", Said::default());
        self.touch();
    }

    /// Begins to delete a pod: from now on it is no endpoint and counts for no set.
    pub(super) fn delete_pod(&mut self, env: &impl Environment, host: u16, why: &str, now: u64) {
        let Some(pod) = self.pods.get_mut(&host) else { return };
        if pod.deleted.is_some() {
            return;
        }
        pod.deleted = Some(now);
        let bound = pod.node.is_some();
        self.note_pod(env, host, "pod terminating", said("reason", why));
        self.touch_pod(host, now);
        if !bound {
            self.remove_pod(env, host);
        }
    }

    /// Forgets a pod whose container has ended for good.
    pub(super) fn remove_pod(&mut self, env: &impl Environment, host: u16) {
        self.note_pod(env, host, "pod removed", Said::default());
        if let Some(pod) = self.pods.remove(&host) {
            pod.changed.notify_waiters();
        }
        self.touch();
    }

    /// Does the kubelet know what is desired of this pod?
    pub(super) fn is_connected(&self, pod: &Pod) -> bool {
        pod.node.is_some_and(|node| self.nodes[node].connected)
    }

    /// The template of a pod.
    pub(super) fn template_of(&self, pod: &Pod) -> &PodTemplate {
        let deployment = &self.deployments[pod.deployment];
        deployment.set(pod.set).map_or(&deployment.spec.template, |set| &set.template)
    }

    /// The pods of a deployment that are not being deleted.
    pub(super) fn pods_of(&self, deployment: usize) -> impl Iterator<Item = &Pod> {
        let pods = self.pods.values();
        pods.filter(move |pod| pod.deployment == deployment && pod.deleted.is_none())
    }

    /// The pods of a set that are not being deleted.
    pub(super) fn pods_of_set(&self, deployment: usize, set: u32) -> impl Iterator<Item = &Pod> {
        self.pods_of(deployment).filter(move |pod| pod.set == set)
    }

    /// Is the pod available: ready for long enough?
    pub(super) fn is_available(&self, pod: &Pod, now: u64) -> bool {
        let min_ready = nanos(self.deployments[pod.deployment].spec.min_ready);
        pod.ready_since.is_some_and(|since| now >= since + min_ready)
    }

    /// Logs what happened to the cluster, on the control plane.
    pub(super) fn note(&self, env: &impl Environment, message: &str, fields: &Said) {
        log(env, self.control_plane, message, fields);
    }

    /// Logs what happened to a pod, on its host.
    pub(super) fn note_pod(&self, env: &impl Environment, host: u16, message: &str, more: Said) {
        let Some(pod) = self.pods.get(&host) else { return };
        let deployment = &self.deployments[pod.deployment];
        let revision = deployment.set(pod.set).map_or(0, |set| set.revision);
        let mut fields = said("deployment", &deployment.spec.name);
        fields = fields.and("revision", revision).and("pod", &pod.name);
        if let Some(node) = pod.node {
            fields = fields.and("node", &self.nodes[node].name);
        }
        log(env, host, message, &fields.and_all(more));
    }
}

impl Deployment {
    pub(super) fn set(&self, id: u32) -> Option<&ReplicaSet> {
        self.sets.iter().find(|set| set.id == id)
    }

    /// The set of the revision that is desired.
    pub(super) fn newest(&self) -> Option<&ReplicaSet> {
        self.sets.iter().rfind(|set| self.canary.as_ref().is_none_or(|canary| canary.set != set.id))
    }
}

impl ReplicaSet {
    /// The name of its endpoints at a load balancer. A revision that is rolled back to gets a new
    /// number, but its pods are what they were.
    pub(super) fn group(&self) -> String {
        format!("revision-{}", self.id)
    }
}
