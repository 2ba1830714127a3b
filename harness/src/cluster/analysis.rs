//! Reads the metrics of the load balancers while a revision is under a gate, and rolls it back
//! when the gate closes.

use std::{sync::Arc, time::Duration};

use super::{
    gate::{Counts, Evaluate, Watch},
    http,
    said::said,
    state::{ClusterEnvironment, Gated, State},
};
use crate::{
    plan::{Gate, nanos},
    run::environment::Environment,
};

/// How long a load balancer may take to show its metrics.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Begins to watch the gates of all deployments.
pub(super) fn spawn(env: &impl ClusterEnvironment) {
    for deployment in 0..env.with(|state| state.deployments.len()) {
        tokio::spawn(watch_all(env.clone(), deployment));
    }
}

/// What is watched: a gate, its number, and the group of endpoints that it is about.
struct Subject {
    gate: Gate,
    number: u32,
    group: String,
    balancers: Vec<String>,
}

async fn watch_all(env: impl ClusterEnvironment, deployment: usize) {
    let changed = env.with(|state| Arc::clone(&state.deployments[deployment].gate_changed));
    loop {
        match subject(&env, deployment) {
            Some(subject) => watch(&env, deployment, subject).await,
            None => changed.notified().await,
        }
    }
}

fn subject(env: &impl ClusterEnvironment, deployment: usize) -> Option<Subject> {
    env.with(|state| {
        let deployment = &state.deployments[deployment];
        let gated = deployment.gate.as_ref()?;
        let set = match &deployment.canary {
            Some(canary) => deployment.set(canary.set)?,
            None => deployment.newest()?,
        };
        Some(Subject {
            gate: gated.gate.clone(),
            number: gated.number,
            group: set.group(),
            balancers: deployment.spec.publish_to.clone(),
        })
    })
}

/// Watches one gate until it closes or there is another one.
async fn watch(env: &impl ClusterEnvironment, deployment: usize, subject: Subject) {
    let mut watch = Watch::new(subject.gate.clone());
    let mut last: Vec<Counts> = vec![Counts::default(); subject.balancers.len()];
    let mut at = env.now();
    loop {
        for (balancer, last) in subject.balancers.iter().zip(&mut last) {
            // One that does not answer is judged by what it said before.
            if let Ok((status, page)) = http::get(env, balancer, "/metrics", TIMEOUT).await
                && status.is_success()
                && let Ok(page) = str::from_utf8(&page)
            {
                *last = Counts::read(page, &subject.gate.metrics, &subject.group);
            }
        }
        let mut all = Counts::default();
        last.iter().for_each(|counts| all.add(counts));
        let judged = watch.note(env.now(), all);
        let goes_on =
            env.with(|state| state.judge(env, deployment, subject.number, &judged, env.now()));
        if !goes_on {
            return;
        }
        at = (at + nanos(subject.gate.every)).max(env.now());
        env.sleep_until(at).await;
    }
}

impl State {
    /// Puts a revision under a gate, or under none.
    pub(super) fn set_gate(&mut self, at: usize, gate: Option<Gate>) {
        let deployment = &mut self.deployments[at];
        deployment.gates += 1;
        let number = deployment.gates;
        deployment.gate = gate.map(|gate| Gated { gate, number, judged: None, until: None });
        deployment.gate_changed.notify_one();
    }

    /// What follows from a judgement; false if the gate is no longer there.
    fn judge(
        &mut self,
        env: &impl Environment,
        at: usize,
        number: u32,
        judged: &Evaluate,
        now: u64,
    ) -> bool {
        let deployment = &mut self.deployments[at];
        let name = deployment.spec.name.clone();
        let Some(gated) = deployment.gate.as_mut().filter(|gated| gated.number == number) else {
            return false;
        };
        match judged {
            Evaluate::Closed { bound, observed } => {
                let fields = said("deployment", name)
                    .and("bound", bound)
                    .and("observed", format_args!("{observed:.4}"));
                self.note(env, "gate closed", &fields);
                self.roll_back(env, at, "gate");
                return false;
            }
            Evaluate::Open => {
                gated.judged = Some(now);
                self.touch();
            }
            Evaluate::TooFew => {}
        }
        true
    }

    /// A complete rollout stays under its gate for the longest of its windows, so that what only
    /// shows under the whole load is seen; then it is what later ones are rolled back to.
    pub(super) fn end_gate(&mut self, env: &impl Environment, at: usize, now: u64) {
        let deployment = &mut self.deployments[at];
        let Some(gated) = &mut deployment.gate else { return };
        if !deployment.rollout.complete || deployment.canary.is_some() {
            return;
        }
        let until = *gated.until.get_or_insert(now + gated.gate.longest_window());
        if now < until {
            return;
        }
        let fields = said("deployment", &deployment.spec.name);
        deployment.rollout.stable = deployment.newest().map(|set| set.id);
        self.note(env, "gate passed", &fields);
        self.set_gate(at, None);
        self.touch();
    }
}
