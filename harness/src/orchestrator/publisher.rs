//! Tells load balancers the endpoints: each state after its propagation delay, with `PUT
//! /endpoints`, again until it is accepted. A newer state overtakes an older one.

use std::{sync::Arc, time::Duration};

use ::http::Method;
use squall_os::sim::sleep_until;

use super::{
    endpoints::{Endpoints, Group},
    http,
    said::said,
    state::with,
};
use crate::{interpose, plan::nanos};

/// How long a load balancer may take to accept, and the pause before it is told again.
const TIMEOUT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(250);

/// A load balancer that was started anew learns the endpoints after this at the latest.
const RESYNC: Duration = Duration::from_secs(5);

/// Begins to tell all load balancers.
pub(super) fn spawn() {
    let publications = with(|_, state| {
        let deployments = state.deployments.iter().enumerate();
        let publications =
            deployments.flat_map(|(at, it)| (0..it.publications.len()).map(move |to| (at, to)));
        publications.collect::<Vec<_>>()
    });
    for (deployment, to) in publications.unwrap_or_default() {
        tokio::spawn(publish(deployment, to));
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

async fn publish(deployment: usize, to: usize) {
    let known = with(|_, state| {
        let publication = &state.deployments[deployment].publications[to];
        (publication.address.clone(), Arc::clone(&publication.changed))
    });
    let Some((address, changed)) = known else { return };
    let mut told: Option<(u64, Vec<Group>)> = None;
    let mut resync_at = u64::MAX;
    loop {
        let (state, groups) = match due(deployment, to, told.as_ref().map_or(0, |it| it.0)) {
            Some(Due::Now { state, groups }) => (state, groups),
            Some(Due::At(at)) => {
                tokio::select! {
                    biased;
                    () = changed.notified() => continue,
                    () = sleep_until(at.min(resync_at)) => {}
                }
                match &told {
                    Some(told) if interpose::now() >= resync_at => told.clone(),
                    _ => continue,
                }
            }
            None => return,
        };
        let body =
            serde_json::to_string(&Endpoints { groups: &groups }).expect("groups are plain data");
        let answer = http::send(Method::PUT, &address, "/endpoints", body, TIMEOUT).await;
        resync_at = interpose::now() + nanos(RESYNC);
        if answer.is_ok_and(|(status, _)| status.is_success()) {
            let news = told.as_ref().is_none_or(|told| told.0 != state);
            if news {
                note(deployment, &address, &groups);
            }
            told = Some((state, groups));
        } else {
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// The newest state that has arrived, if it is newer than what was `told`.
fn due(deployment: usize, to: usize, told: u64) -> Option<Due> {
    with(|_, state| {
        let now = interpose::now();
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

fn note(deployment: usize, address: &str, groups: &[Group]) {
    with(|shared, state| {
        let name = &state.deployments[deployment].spec.name;
        let endpoints: usize = groups.iter().map(|group| group.endpoints.len()).sum();
        let fields = said("deployment", name).and("balancer", address).and("endpoints", endpoints);
        state.note(shared, "endpoints published", &fields);
    });
}
