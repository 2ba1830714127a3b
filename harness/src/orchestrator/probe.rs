//! Probes a container: HTTP requests from the node to the pod, as the template says.

use std::time::Duration;

use squall_os::sim::sleep_until;

use super::{http, pod::note, said::Said, state::with, threshold::Threshold};
use crate::{
    interpose,
    plan::{PodTemplate, Probe, nanos},
};

/// Probes the container of a pod until one of its probes says that it must be started again;
/// that probe's name.
pub(super) async fn watch(host: u16, name: &str, template: &PodTemplate) -> &'static str {
    if let Some(startup) = &template.startup {
        let mut row = Row::new(startup, name, template.port);
        loop {
            match row.next().await {
                Some(true) => break note(host, "startup probe succeeded", Said::default()),
                Some(false) => return "startup",
                None => {}
            }
        }
    }
    tokio::select! {
        biased;
        () = watch_readiness(host, name, template) => "readiness",
        () = watch_liveness(name, template) => "liveness",
    }
}

/// Tells the API server whether the pod is ready, for as long as it is asked to.
async fn watch_readiness(host: u16, name: &str, template: &PodTemplate) {
    let Some(readiness) = &template.readiness else {
        say(host, true);
        return std::future::pending().await;
    };
    let mut row = Row::new(readiness, name, template.port);
    loop {
        if let Some(ready) = row.next().await {
            say(host, ready);
        }
    }
}

/// Returns when the container is not alive.
async fn watch_liveness(name: &str, template: &PodTemplate) {
    let Some(liveness) = &template.liveness else { return std::future::pending().await };
    let mut row = Row::new(liveness, name, template.port);
    while row.next().await != Some(false) {}
}

/// The probes of one kind, one after the other.
struct Row<'a> {
    probe: &'a Probe,
    target: String,
    threshold: Threshold,
    next_at: u64,
}

impl<'a> Row<'a> {
    /// The delay of a probe counts from the start of its container, or from the success of the
    /// startup probe, which is when the row begins.
    fn new(probe: &'a Probe, name: &str, port: u16) -> Self {
        Self {
            probe,
            target: format!("{name}:{}", probe.port.unwrap_or(port)),
            threshold: Threshold::new(probe.success_threshold, probe.failure_threshold),
            next_at: interpose::now() + nanos(probe.initial_delay),
        }
    }

    /// Probes once more; the conclusion, if there is one.
    async fn next(&mut self) -> Option<bool> {
        sleep_until(self.next_at).await;
        let answer = http::get(&self.target, &self.probe.path, self.probe.timeout).await;
        let succeeded = answer.is_ok_and(|(status, _)| (200..400).contains(&status.as_u16()));
        // A probe that took longer than the period is followed by the next one at once.
        let period = nanos(self.probe.period.max(Duration::from_millis(1)));
        self.next_at = (self.next_at + period).max(interpose::now());
        self.threshold.note(succeeded)
    }
}

/// What the kubelet says of a pod.
fn say(host: u16, passes: bool) {
    with(|shared, state| {
        let now = interpose::now();
        let Some(pod) = state.pods.get_mut(&host) else { return };
        if pod.passes == passes {
            return;
        }
        let was = pod.ready_since.is_some();
        pod.passes = passes;
        state.touch_pod(host, now);
        state.note_readiness(shared, host, was, "probe");
    });
}
