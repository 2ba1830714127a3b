//! Deployments and the template of their pods.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Amount, Latency, Probe, millis};
use crate::plan::merge_patch;

/// So many pods of one template, and how they are replaced by those of another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deployment {
    /// Its name; its pods are `name-1`, `name-2` and so on.
    pub name: String,
    /// What its pods are.
    pub template: PodTemplate,
    /// How many pods it has.
    pub replicas: u32,
    /// How many pods more there may be during a rollout; a percentage is rounded up
    /// (`maxSurge`).
    pub max_surge: Amount,
    /// How many pods may be missing during a rollout; a percentage is rounded down
    /// (`maxUnavailable`).
    pub max_unavailable: Amount,
    /// How long a pod must be ready before it counts as available (`minReadySeconds`).
    #[serde(rename = "min_ready_ms", with = "millis")]
    pub min_ready: Duration,
    /// How long a rollout may make no progress before it has failed
    /// (`progressDeadlineSeconds`).
    #[serde(rename = "progress_deadline_ms", with = "millis")]
    pub progress_deadline: Duration,
    /// How many earlier revisions are kept (`revisionHistoryLimit`).
    pub revision_history_limit: u32,
    /// Is a rollout that made no progress in time rolled back? Kubernetes itself only reports it;
    /// delivery tools roll back.
    pub rollback_on_progress_deadline: bool,
    /// How many pods may ever be created, each on a host of its own. To need more ends the run.
    pub pods_max: u32,
    /// The load balancers, `host:port`, that are told the endpoints with `PUT /endpoints`.
    pub publish_to: Vec<String>,
}

/// What a pod is. Pods have one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PodTemplate {
    /// The service, by its name among the scenario's services.
    pub service: String,
    /// What the service is configured with.
    pub config: serde_json::Value,
    /// How many pieces of work the processor of the pod does at once.
    pub cores: u16,
    /// The port that the service answers requests on.
    pub port: u16,
    /// Has the container started? Until it has, the other probes wait; if it has not in time, it
    /// is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Probe>,
    /// Can the pod take requests? If not, it is no endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
    /// Is the container alive? If not, it is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
    /// What is done before the container is asked to stop (`lifecycle.preStop`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_stop: Option<PreStop>,
    /// From the deletion of the pod, the pre-stop hook included, to the kill of its container
    /// (`terminationGracePeriodSeconds`).
    #[serde(rename = "termination_grace_ms", with = "millis")]
    pub termination_grace: Duration,
    /// How long it takes to fetch the image and start a container.
    pub container_start: Latency,
}

/// What is done before a container is asked to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PreStop {
    /// An HTTP GET to the pod; what it answers does not matter.
    Get {
        /// The path.
        path: String,
    },
    /// Nothing, for a while.
    Sleep {
        /// How long.
        #[serde(rename = "sleep_ms", with = "millis")]
        sleep: Duration,
    },
}

impl Deployment {
    /// So many `replicas` of `service`, configured with `config`.
    ///
    /// Without further ado: port 8080, no probes, a grace of 30 s, a surge of 25 % and 25 %
    /// unavailable, a progress deadline of 600 s, ten earlier revisions kept, as in Kubernetes;
    /// a second to start a container; and twenty pods at most over the run.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        service: impl Into<String>,
        config: serde_json::Value,
        replicas: u32,
    ) -> Self {
        Self {
            name: name.into(),
            template: PodTemplate {
                service: service.into(),
                config,
                cores: 4,
                port: 8080,
                startup: None,
                readiness: None,
                liveness: None,
                pre_stop: None,
                termination_grace: Duration::from_secs(30),
                container_start: Latency::constant(Duration::from_secs(1)),
            },
            replicas,
            max_surge: Amount::Percent(25),
            max_unavailable: Amount::Percent(25),
            min_ready: Duration::ZERO,
            progress_deadline: Duration::from_secs(600),
            revision_history_limit: 10,
            rollback_on_progress_deadline: false,
            pods_max: 20,
            publish_to: Vec::new(),
        }
    }

    /// Sets how many pods more there may be during a rollout.
    #[must_use]
    pub fn max_surge(mut self, pods: impl Into<Amount>) -> Self {
        self.max_surge = pods.into();
        self
    }

    /// Sets how many pods may be missing during a rollout.
    #[must_use]
    pub fn max_unavailable(mut self, pods: impl Into<Amount>) -> Self {
        self.max_unavailable = pods.into();
        self
    }

    /// Sets how long a pod must be ready before it counts as available.
    #[must_use]
    pub fn min_ready(mut self, time: Duration) -> Self {
        self.min_ready = time;
        self
    }

    /// Sets how long a rollout may make no progress before it has failed.
    #[must_use]
    pub fn progress_deadline(mut self, deadline: Duration) -> Self {
        self.progress_deadline = deadline;
        self
    }

    /// Rolls a rollout back that made no progress in time.
    #[must_use]
    pub fn rollback_on_progress_deadline(mut self) -> Self {
        self.rollback_on_progress_deadline = true;
        self
    }

    /// Sets how many earlier revisions are kept.
    #[must_use]
    pub fn revision_history_limit(mut self, revisions: u32) -> Self {
        self.revision_history_limit = revisions;
        self
    }

    /// Sets how many pods may ever be created.
    #[must_use]
    pub fn pods_max(mut self, pods: u32) -> Self {
        self.pods_max = pods;
        self
    }

    /// Tells this load balancer, `host:port`, the endpoints with `PUT /endpoints`.
    #[must_use]
    pub fn publish_to(mut self, address: impl Into<String>) -> Self {
        self.publish_to.push(address.into());
        self
    }

    /// Sets the port that the service answers requests on.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.template.port = port;
        self
    }

    /// Sets how many pieces of work the processor of a pod does at once.
    #[must_use]
    pub fn cores(mut self, cores: u16) -> Self {
        self.template.cores = cores;
        self
    }

    /// Sets the probe that holds back the others until it has succeeded.
    #[must_use]
    pub fn startup(mut self, probe: Probe) -> Self {
        self.template.startup = Some(probe);
        self
    }

    /// Sets the probe that decides whether a pod is an endpoint.
    #[must_use]
    pub fn readiness(mut self, probe: Probe) -> Self {
        self.template.readiness = Some(probe);
        self
    }

    /// Sets the probe that decides whether a container is started again.
    #[must_use]
    pub fn liveness(mut self, probe: Probe) -> Self {
        self.template.liveness = Some(probe);
        self
    }

    /// Sends an HTTP GET to a pod before its container is asked to stop.
    #[must_use]
    pub fn pre_stop_get(mut self, path: impl Into<String>) -> Self {
        self.template.pre_stop = Some(PreStop::Get { path: path.into() });
        self
    }

    /// Waits for so long before the container of a pod is asked to stop.
    #[must_use]
    pub fn pre_stop_sleep(mut self, sleep: Duration) -> Self {
        self.template.pre_stop = Some(PreStop::Sleep { sleep });
        self
    }

    /// Sets the time from the deletion of a pod to the kill of its container.
    #[must_use]
    pub fn termination_grace(mut self, grace: Duration) -> Self {
        self.template.termination_grace = grace;
        self
    }

    /// Sets how long it takes to fetch the image and start a container.
    #[must_use]
    pub fn container_start(mut self, time: Latency) -> Self {
        self.template.container_start = time;
        self
    }

    /// How many pods more there may be and how many may be missing, during a rollout. If both
    /// come to none, one may be missing, for nothing could be replaced otherwise.
    #[must_use]
    pub fn fenceposts(&self, replicas: u32) -> (u32, u32) {
        let surge = self.max_surge.ceil_of(replicas);
        let unavailable = self.max_unavailable.floor_of(replicas);
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }

    /// The gauge of how many available pods are missing to what is desired.
    pub(crate) fn missing_gauge(&self) -> String {
        format!("pods_missing{{deployment=\"{}\"}}", self.name)
    }

    /// The gauge of how many pods there are beyond what is desired.
    pub(crate) fn surplus_gauge(&self) -> String {
        format!("pods_surplus{{deployment=\"{}\"}}", self.name)
    }

    /// The name of the pod with this number, and of its host.
    pub(crate) fn pod(&self, number: u32) -> String {
        format!("{}-{number}", self.name)
    }
}

impl PodTemplate {
    /// The template with `patch` merged into its configuration (RFC 7396).
    #[must_use]
    pub fn patched(&self, patch: &serde_json::Value) -> Self {
        let mut patched = self.clone();
        merge_patch(&mut patched.config, patch);
        patched
    }

    /// The ports of a pod: that of its service, and those that are probed besides.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let probes = [&self.startup, &self.readiness, &self.liveness].into_iter().flatten();
        let mut ports: Vec<u16> =
            std::iter::once(self.port).chain(probes.filter_map(|probe| probe.port)).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}
