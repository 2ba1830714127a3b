//! The worker of one pod: starts its container, has it probed, starts it again when it ended, and
//! ends it with grace.

use std::{sync::Arc, time::Duration};

use super::{
    backoff::BackOff,
    http, probe,
    said::{Said, said},
    state::{ClusterEnvironment, Container, Pod, State, note},
};
use crate::{
    plan::{PodTemplate, PreStop, nanos},
    run::{command::Command, rng},
};

/// What a pre-stop hook that is still under way when the grace is over leaves to the container.
const EXTENSION: Duration = Duration::from_secs(2);

/// Why a container does not go on.
enum Event {
    Deleted,
    Ended {
        ran: u64,
    },
    /// This probe has failed.
    Unhealthy(&'static str),
}

/// Looks after the pod on this host until it is gone.
pub(super) async fn tend(env: impl ClusterEnvironment, host: u16) {
    let known = env.with(|state| {
        let pod = state.pods.get_mut(&host)?;
        // The kubelet itself was started again, and the container went with it.
        pod.restarts += u32::from(matches!(pod.container, Container::Ended { .. }));
        let pod = &state.pods[&host];
        Some((state.template_of(pod).clone(), pod.name.clone()))
    });
    let Some((template, name)) = known else { return };
    let mut back_off = BackOff::default();
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            () = deleted(&env, host) => break,
            () = start(&env, host, &name, &template, pause) => {}
        }
        let event = tokio::select! {
            biased;
            () = deleted(&env, host) => Event::Deleted,
            ran = ended(&env, host) => Event::Ended { ran },
            probe = probe::watch(&env, host, &name, &template) => Event::Unhealthy(probe),
        };
        let ran = match event {
            Event::Deleted => break,
            Event::Ended { ran } => ran,
            Event::Unhealthy(probe) => {
                note(&env, host, "container unhealthy", said("probe", probe));
                stop(&env, host, &name, &template).await;
                ended(&env, host).await
            }
        };
        pause = back_off.after(ran);
        let known = env.with(|state| {
            let pod = state.pods.get_mut(&host)?;
            pod.restarts += 1;
            Some(())
        });
        if known.is_none() {
            return;
        }
        if !pause.is_zero() {
            note(&env, host, "container backs off", said("pause_ms", pause.as_millis()));
        }
    }
    stop(&env, host, &name, &template).await;
    connected(&env, host).await;
    env.with(|state| state.remove_pod(&env, host));
}

/// Starts the container of a pod after `pause`.
async fn start(
    env: &impl ClusterEnvironment,
    host: u16,
    name: &str,
    template: &PodTemplate,
    pause: Duration,
) {
    let drawn = env.with(|state| {
        let restarts = state.pods.get(&host).map_or(0, |pod| pod.restarts);
        let mut rng = env.random(&format!("container start {name} {restarts}"));
        rng::draw(&template.container_start, &mut rng)
    });
    env.sleep_until(env.now() + nanos(pause) + drawn).await;
    let begun = env.with(|state| {
        let pod = state.pods.get_mut(&host)?;
        pod.container = Container::Waiting;
        let (service, config) = (template.service.clone(), template.config.clone());
        env.command(Command::Start { host, service, config });
        Some(())
    });
    if begun.is_some() {
        // It may have ended by the time that this is looked at.
        until(env, host, |_, pod| (pod.container != Container::Waiting).then_some(())).await;
    }
}

/// Ends the container of a pod, if it runs: the pre-stop hook and the grace begin together, then
/// it is asked to stop, and killed when the grace is over.
async fn stop(env: &impl ClusterEnvironment, host: u16, name: &str, template: &PodTemplate) {
    let begin = env.now();
    let kill_at = begin + nanos(template.termination_grace);
    let over = async {
        let mut kill_at = kill_at;
        if let Some(hook) = template.pre_stop.as_ref().filter(|_| kill_at > begin) {
            note(env, host, "pre-stop hook started", Said::default());
            tokio::select! {
                biased;
                () = run_hook(env, hook, name, template) => note(env, host, "pre-stop hook ended", Said::default()),
                () = env.sleep_until(kill_at) => {
                    kill_at += nanos(EXTENSION);
                    note(env, host, "pre-stop hook cut off", Said::default());
                }
            }
        }
        note(env, host, "container asked to stop", Said::default());
        env.command(Command::Terminate { host });
        env.sleep_until(kill_at).await;
        note(env, host, "container killed", Said::default());
        env.command(Command::Kill { host });
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = stopped(env, host) => {}
        () = over => {}
    }
}

async fn run_hook(
    env: &impl ClusterEnvironment,
    hook: &PreStop,
    name: &str,
    template: &PodTemplate,
) {
    match hook {
        PreStop::Sleep { sleep } => env.sleep_until(env.now() + nanos(*sleep)).await,
        PreStop::Get { path } => {
            let target = format!("{name}:{}", template.port);
            // Whether it succeeds makes no difference to what comes next.
            let _ = http::get(env, &target, path, template.termination_grace).await;
        }
    }
}

/// The pod is being deleted, and its kubelet knows.
async fn deleted(env: &impl ClusterEnvironment, host: u16) {
    until(env, host, |state, pod| (pod.deleted.is_some() && state.is_connected(pod)).then_some(()))
        .await;
}

/// The kubelet can report what became of the pod.
async fn connected(env: &impl ClusterEnvironment, host: u16) {
    until(env, host, |state, pod| state.is_connected(pod).then_some(())).await;
}

async fn ended(env: &impl ClusterEnvironment, host: u16) -> u64 {
    let ran = |_: &State, pod: &Pod| match pod.container {
        Container::Ended { ran } => Some(ran),
        Container::Waiting | Container::Running { .. } => None,
    };
    until(env, host, ran).await.unwrap_or(0)
}

/// The container does not run.
async fn stopped(env: &impl ClusterEnvironment, host: u16) {
    let stopped =
        |_: &State, pod: &Pod| (!matches!(pod.container, Container::Running { .. })).then_some(());
    until(env, host, stopped).await;
}

/// Waits until `check` finds something in the pod; `None` if the pod is gone.
async fn until<T>(
    env: &impl ClusterEnvironment,
    host: u16,
    check: impl Fn(&State, &Pod) -> Option<T>,
) -> Option<T> {
    let changed = env.with(|state| state.pods.get(&host).map(|pod| Arc::clone(&pod.changed)))?;
    loop {
        let notified = changed.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        let found = env.with(|state| state.pods.get(&host).map(|pod| check(state, pod)))?;
        if found.is_some() {
            return found;
        }
        notified.await;
    }
}
