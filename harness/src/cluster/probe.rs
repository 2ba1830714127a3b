//! Probes a container: HTTP requests from the node to the pod, as the template says.

use std::time::Duration;

use super::{
    http,
    said::Said,
    state::{ClusterEnvironment, note},
    threshold::Threshold,
};
use crate::plan::{PodTemplate, Probe, nanos};

/// Probes the container of a pod until one of its probes says that it must be started again;
/// that probe's name.
pub(super) async fn watch(
    env: &impl ClusterEnvironment,
    host: u16,
    name: &str,
    template: &PodTemplate,
) -> &'static str {
    if let Some(startup) = &template.startup {
        let mut row = Row::new(env, startup, name, template.port);
        loop {
            match row.next().await {
                Some(true) => break note(env, host, "startup probe succeeded", Said::default()),
                Some(false) => return "startup",
                None => {}
            }
        }
    }
    tokio::select! {
        biased;
        () = watch_readiness(env, host, name, template) => "readiness",
        () = watch_liveness(env, name, template) => "liveness",
    }
}

/// Tells the API server whether the pod is ready, for as long as it is asked to.
async fn watch_readiness(
    env: &impl ClusterEnvironment,
    host: u16,
    name: &str,
    template: &PodTemplate,
) {
    let Some(readiness) = &template.readiness else {
        say(env, host, true);
        return std::future::pending().await;
    };
    let mut row = Row::new(env, readiness, name, template.port);
    loop {
        if let Some(ready) = row.next().await {
            say(env, host, ready);
        }
    }
}

/// Returns when the container is not alive.
async fn watch_liveness(env: &impl ClusterEnvironment, name: &str, template: &PodTemplate) {
    let Some(liveness) = &template.liveness else { return std::future::pending().await };
    let mut row = Row::new(env, liveness, name, template.port);
    while row.next().await != Some(false) {}
}

/// The probes of one kind, one after the other.
struct Row<'a, E> {
    env: &'a E,
    probe: &'a Probe,
    target: String,
    threshold: Threshold,
    next_at: u64,
}

impl<'a, E: ClusterEnvironment> Row<'a, E> {
    /// The delay of a probe counts from the start of its container, or from the success of the
    /// startup probe, which is when the row begins.
    fn new(env: &'a E, probe: &'a Probe, name: &str, port: u16) -> Self {
        Self {
            env,
            probe,
            target: format!("{name}:{}", probe.port.unwrap_or(port)),
            threshold: Threshold::new(probe.success_threshold, probe.failure_threshold),
            next_at: env.now() + nanos(probe.initial_delay),
        }
    }

    /// Probes once more; the conclusion, if there is one.
    async fn next(&mut self) -> Option<bool> {
        self.env.sleep_until(self.next_at).await;
        let answer = http::get(self.env, &self.target, &self.probe.path, self.probe.timeout).await;
        let succeeded = answer.is_ok_and(|(status, _)| (200..400).contains(&status.as_u16()));
        // A probe that took longer than the period is followed by the next one at once.
        let period = nanos(self.probe.period.max(Duration::from_millis(1)));
        self.next_at = (self.next_at + period).max(self.env.now());
        self.threshold.note(succeeded)
    }
}

/// What the kubelet says of a pod.
fn say(env: &impl ClusterEnvironment, host: u16, passes: bool) {
    env.with(|state| {
        let now = env.now();
        let Some(pod) = state.pods.get_mut(&host) else { return };
        if pod.passes == passes {
            return;
        }
        let was = pod.ready_since.is_some();
        pod.passes = passes;
        state.touch_pod(host, now);
        state.note_readiness(env, host, was, "probe");
    });
}
