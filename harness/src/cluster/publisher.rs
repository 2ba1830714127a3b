//! Tells load balancers the endpoints: each state after its propagation delay, with `PUT
//! /endpoints`, again until it is accepted. A newer state overtakes an older one.

use std::{sync::Arc, time::Duration};

use ::http::Method;

use super::{
    endpoints::{Endpoints, Group},
    http,
    said::said,
    state::ClusterEnvironment,
};
use crate::plan::nanos;

/// How long a load balancer may take to accept, and the pause before it is told again.
const TIMEOUT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(250);

/// A load balancer that was started again learns the endpoints after this at the latest.
const RESYNC: Duration = Duration::from_secs(5);

/// Begins to tell all load balancers.
pub(super) fn spawn(env: &impl ClusterEnvironment) {
    let publications = env.with(|state| {
        let deployments = state.deployments.iter().enumerate();
        let publications =
            deployments.flat_map(|(at, it)| (0..it.publications.len()).map(move |to| (at, to)));
        publications.collect::<Vec<_>>()
    });
    for (deployment, to) in publications {
        tokio::spawn(publish(env.clone(), deployment, to));
    }
}

/// What is due at a load balancer.
enum Due {
    /// Nothing before this time.
    At(u64),
    Now {
        state: u64,
        groups: Vec<Group>,
    },
}

async fn publish(env: impl ClusterEnvironment, deployment: usize, to: usize) {
    let (address, changed) = env.with(|state| {
        let publication = &state.deployments[deployment].publications[to];
        (publication.address.clone(), Arc::clone(&publication.changed))
    });
    let mut told: Option<(u64, Vec<Group>)> = None;
    let mut resync_at = u64::MAX;
    loop {
        let (state, groups) = match due(&env, deployment, to, told.as_ref().map_or(0, |it| it.0)) {
            Due::Now { state, groups } => (state, groups),
            Due::At(at) => {
                tokio::select! {
                    biased;
                    () = changed.notified() => continue,
                    () = env.sleep_until(at.min(resync_at)) => {}
                }
                match &told {
                    Some(told) if env.now() >= resync_at => told.clone(),
                    _ => continue,
                }
            }
        };
        let body = body(&env, &address, &groups).await;
        let answer = http::send(&env, Method::PUT, &address, "/endpoints", body, TIMEOUT).await;
        resync_at = env.now() + nanos(RESYNC);
        if answer.is_ok_and(|(status, _)| status.is_success()) {
            let news = told.as_ref().is_none_or(|told| told.0 != state);
            if news {
                note(&env, deployment, &address, &groups);
            }
            told = Some((state, groups));
        } else {
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// What a load balancer is told: the endpoints where it reaches them.
async fn body(env: &impl ClusterEnvironment, balancer: &str, groups: &[Group]) -> String {
    let mut groups = groups.to_vec();
    for endpoint in groups.iter_mut().flat_map(|group| &mut group.endpoints) {
        *endpoint = env.seen_by(balancer, endpoint).await;
    }
    serde_json::to_string(&Endpoints { groups: &groups }).expect("groups are plain data")
}

/// The newest state that has arrived, if it is newer than what was `told`.
fn due(env: &impl ClusterEnvironment, deployment: usize, to: usize, told: u64) -> Due {
    env.with(|state| {
        let now = env.now();
        let publication = &mut state.deployments[deployment].publications[to];
        let pending = &mut publication.pending;
        pending.retain(|(_, state, _)| *state > told);
        let newest =
            pending.iter().filter(|(at, ..)| *at <= now).max_by_key(|(_, state, _)| *state);
        if let Some((_, state, groups)) = newest {
            return Due::Now { state: *state, groups: groups.clone() };
        }
        Due::At(pending.iter().map(|(at, ..)| *at).min().unwrap_or(u64::MAX))
    })
}

fn note(env: &impl ClusterEnvironment, deployment: usize, address: &str, groups: &[Group]) {
    env.with(|state| {
        let name = &state.deployments[deployment].spec.name;
        let endpoints: usize = groups.iter().map(|group| group.endpoints.len()).sum();
        let fields = said("deployment", name).and("balancer", address).and("endpoints", endpoints);
        state.note(env, "endpoints published", &fields);
    });
}
