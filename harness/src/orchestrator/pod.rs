//! The worker of one pod: starts its container, has it probed, starts it again when it ended, and
//! ends it with grace.

use std::{sync::Arc, time::Duration};

use squall_os::sim::sleep_until;

use super::{
    Command,
    backoff::BackOff,
    http, probe,
    said::{Said, said},
    state::{Container, Pod, State, with},
};
use crate::{
    interpose,
    plan::{PodTemplate, PreStop, nanos},
    sim::rng,
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
pub(super) async fn tend(host: u16) {
    let known = with(|_, state| {
        let pod = state.pods.get_mut(&host)?;
        // The kubelet itself was started anew, and the container went with it.
        pod.restarts += u32::from(matches!(pod.container, Container::Ended { .. }));
        let pod = &state.pods[&host];
        Some((state.template_of(pod).clone(), pod.name.clone()))
    });
    let Some((template, name)) = known.flatten() else { return };
    let mut back_off = BackOff::default();
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            () = deleted(host) => break,
            () = start(host, &name, &template, pause) => {}
        }
        let event = tokio::select! {
            biased;
            () = deleted(host) => Event::Deleted,
            ran = ended(host) => Event::Ended { ran },
            probe = probe::watch(host, &name, &template) => Event::Unhealthy(probe),
        };
        let ran = match event {
            Event::Deleted => break,
            Event::Ended { ran } => ran,
            Event::Unhealthy(probe) => {
                note(host, "container unhealthy", said("probe", probe));
                stop(host, &name, &template).await;
                ended(host).await
            }
        };
        pause = back_off.after(ran);
        let known = with(|_, state| {
            let pod = state.pods.get_mut(&host)?;
            pod.restarts += 1;
            Some(())
        });
        if known.flatten().is_none() {
            return;
        }
        if !pause.is_zero() {
            note(host, "container backs off", said("pause_ms", pause.as_millis()));
        }
    }
    stop(host, &name, &template).await;
    connected(host).await;
    with(|shared, state| state.remove_pod(shared, host));
}

/// Starts the container of a pod after `pause`.
async fn start(host: u16, name: &str, template: &PodTemplate, pause: Duration) {
    let drawn = with(|shared, state| {
        let restarts = state.pods.get(&host).map_or(0, |pod| pod.restarts);
        let mut rng = rng::stream(shared.seed, &format!("container start {name} {restarts}"));
        rng::draw(&template.container_start, &mut rng)
    });
    sleep_until(interpose::now() + nanos(pause) + drawn.unwrap_or(0)).await;
    let begun = with(|shared, state| {
        let pod = state.pods.get_mut(&host)?;
        pod.container = Container::Waiting;
        let template = Box::new(template.clone());
        shared.commands.borrow_mut().push(Command::Start { host, template });
        Some(())
    });
    if begun.flatten().is_some() {
        // It may have ended by the time that this is looked at.
        until(host, |_, pod| (pod.container != Container::Waiting).then_some(())).await;
    }
}

/// Ends the container of a pod, if it runs: the pre-stop hook and the grace begin together, then
/// it is asked to stop, and killed when the grace is over.
async fn stop(host: u16, name: &str, template: &PodTemplate) {
    let begin = interpose::now();
    let kill_at = begin + nanos(template.termination_grace);
    let over = async {
        let mut kill_at = kill_at;
        if let Some(hook) = template.pre_stop.as_ref().filter(|_| kill_at > begin) {
            note(host, "pre-stop hook started", Said::default());
            tokio::select! {
                biased;
                () = run_hook(hook, name, template) => note(host, "pre-stop hook ended", Said::default()),
                () = sleep_until(kill_at) => {
                    kill_at += nanos(EXTENSION);
                    note(host, "pre-stop hook cut off", Said::default());
                }
            }
        }
        note(host, "container asked to stop", Said::default());
        command(Command::Terminate { host });
        sleep_until(kill_at).await;
        note(host, "container killed", Said::default());
        command(Command::Kill { host });
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = stopped(host) => {}
        () = over => {}
    }
}

async fn run_hook(hook: &PreStop, name: &str, template: &PodTemplate) {
    match hook {
        PreStop::Sleep { sleep } => sleep_until(interpose::now() + nanos(*sleep)).await,
        PreStop::Get { path } => {
            let target = format!("{name}:{}", template.port);
            // Whether it succeeds makes no difference to what comes next.
            let _ = http::get(&target, path, template.termination_grace).await;
        }
    }
}

/// The pod is being deleted, and its kubelet knows.
async fn deleted(host: u16) {
    until(host, |state, pod| (pod.deleted.is_some() && state.is_connected(pod)).then_some(()))
        .await;
}

/// The kubelet can report what became of the pod.
async fn connected(host: u16) {
    until(host, |state, pod| state.is_connected(pod).then_some(())).await;
}

async fn ended(host: u16) -> u64 {
    let ran = |_: &State, pod: &Pod| match pod.container {
        Container::Ended { ran } => Some(ran),
        Container::Waiting | Container::Running { .. } => None,
    };
    until(host, ran).await.unwrap_or(0)
}

/// The container does not run.
async fn stopped(host: u16) {
    let stopped =
        |_: &State, pod: &Pod| (!matches!(pod.container, Container::Running { .. })).then_some(());
    until(host, stopped).await;
}

/// Waits until `check` finds something in the pod; `None` if the pod is gone.
async fn until<T>(host: u16, check: impl Fn(&State, &Pod) -> Option<T>) -> Option<T> {
    let changed =
        with(|_, state| state.pods.get(&host).map(|pod| Arc::clone(&pod.changed))).flatten()?;
    loop {
        let notified = changed.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        let found =
            with(|_, state| state.pods.get(&host).map(|pod| check(state, pod))).flatten()?;
        if found.is_some() {
            return found;
        }
        notified.await;
    }
}

fn command(command: Command) {
    with(|shared, _| shared.commands.borrow_mut().push(command));
}

pub(super) fn note(host: u16, message: &str, fields: Said) {
    with(|shared, state| state.note_pod(shared, host, message, fields));
}
