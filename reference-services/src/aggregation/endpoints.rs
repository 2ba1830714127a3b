//! The endpoints of a dependency: which one gets the next call, which are left out, and how they are
//! asked for their health.
//!
//! One that is the only one gets all calls, is asked for nothing, and is never left out.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::{
    Error,
    config::Config,
    defect::{Defect, Defects},
    endpoint::Endpoint,
    endpoint_metrics::EndpointMetrics,
    standing::{Check, HealthConfig},
};
use crate::{
    dependency::Kind,
    endpoints::{OutlierConfig, SlowStartConfig, better_of_two, draw_by_weight, may_eject},
    tls::Trust,
};

/// The pause before a dependency that did not answer is asked for its health again.
const REACH_RETRY: Duration = Duration::from_millis(50);

/// The endpoints of one dependency, at least one.
#[derive(Debug)]
pub(super) struct Endpoints {
    kind: Kind,
    first: Arc<Endpoint>,
    others: Vec<Arc<Endpoint>>,
    health: HealthConfig,
    outlier: OutlierConfig,
    slow_start: SlowStartConfig,
    call_timeout: Duration,
    defects: Defects,
}

/// Which endpoints a call may go to; the first of these that there are.
#[derive(Clone, Copy)]
enum Choice {
    /// Those that are well and were not tried before.
    WellUntried,
    /// Those that are well.
    Well,
    /// Those that were not tried before: better one that is not well than none.
    Untried,
    Any,
}

impl Endpoints {
    pub(super) fn new(
        kind: Kind,
        config: &Config,
        trust: Option<&Trust>,
        (defects, metrics): (Defects, &[EndpointMetrics]),
    ) -> Result<Self, Error> {
        let uris = config.upstreams.uris(kind)?.into_iter();
        let mut all = uris.enumerate().map(|(place, uri)| {
            let metrics = metrics.get(place).cloned().unwrap_or_default();
            Arc::new(Endpoint::new(uri, config, trust, metrics))
        });
        let first = all.next().expect("the configuration is valid");
        Ok(Self {
            kind,
            first,
            others: all.collect(),
            health: config.health.clone(),
            outlier: config.outlier.clone(),
            slow_start: config.slow_start.clone(),
            call_timeout: config.call_timeout(),
            defects,
        })
    }

    /// Are there several?
    pub(super) fn several(&self) -> bool {
        !self.others.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Endpoint>> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The endpoint for the next attempt, if possible none of those `tried`.
    pub(super) fn pick(&self, tried: &[Arc<Endpoint>], now: Instant) -> Arc<Endpoint> {
        use Choice::{Any, Untried, Well, WellUntried};
        if !self.several() {
            return Arc::clone(&self.first);
        }
        let blind: &[Choice] = &[Untried, Any];
        let choices = if self.defects.has(Defect::BalancesBlindly) {
            // Defect: nobody asks how an endpoint has fared.
            blind
        } else {
            &[WellUntried, Well, Untried, Any]
        };
        let picked = choices.iter().find_map(|&choice| self.pick_among(choice, tried, now));
        Arc::clone(picked.unwrap_or(&self.first))
    }

    /// An endpoint that is well and none of those `tried`.
    pub(super) fn another(&self, tried: &[Arc<Endpoint>], now: Instant) -> Option<Arc<Endpoint>> {
        self.pick_among(Choice::WellUntried, tried, now).cloned()
    }

    fn pick_among(
        &self,
        choice: Choice,
        tried: &[Arc<Endpoint>],
        now: Instant,
    ) -> Option<&Arc<Endpoint>> {
        let is_untried = |it: &Arc<Endpoint>| !tried.iter().any(|tried| Arc::ptr_eq(tried, it));
        let candidates = self.all().filter_map(|endpoint| {
            let standing = endpoint.standing();
            let open = match choice {
                Choice::WellUntried => standing.is_well(now) && is_untried(endpoint),
                Choice::Well => standing.is_well(now),
                Choice::Untried => is_untried(endpoint),
                Choice::Any => true,
            };
            let weight = if self.defects.has(Defect::NoSlowStart) {
                // Defect: one that is just back gets as much as any other.
                1.0
            } else {
                standing.weight(&self.slow_start, now)
            };
            open.then_some((endpoint, weight))
        });
        let candidates: Vec<_> = candidates.collect();
        let drawn = draw_by_weight(&candidates, &mut rand::rng());
        better_of_two(drawn.iter(), |endpoint| endpoint.in_flight(), &mut rand::rng()).copied()
    }

    /// An endpoint answered, if only to say no.
    pub(super) fn succeeded(&self, endpoint: &Endpoint, now: Instant) {
        endpoint.standing().outlier.succeeded(&self.outlier, now);
    }

    /// An endpoint gave no answer, or one that shows it is unwell; after one too many it is left out
    /// for a while, unless too many others are.
    pub(super) fn failed(&self, endpoint: &Endpoint, now: Instant) {
        if !endpoint.standing().failed(&self.outlier, now) {
            return;
        }
        let ejected = self.all().filter(|it| it.standing().outlier.is_ejected(now)).count();
        if !may_eject(ejected, self.all().count(), &self.outlier) {
            return;
        }
        let mut standing = endpoint.standing();
        if standing.outlier.is_ejected(now) {
            // Another call of the same moment was quicker.
            return;
        }
        let time = standing.outlier.eject(&self.outlier, now);
        drop(standing);
        endpoint.metrics.ejections.inc();
        tracing::warn!(
            dependency = self.kind.name(),
            endpoint = endpoint.address,
            for_ms = time.as_millis(),
            "left an endpoint out"
        );
    }

    /// Returns once the dependency has answered: a single endpoint whatever it says, one of several
    /// that it is well.
    pub(super) async fn reach(&self) {
        loop {
            let reached = if self.several() {
                self.all().any(|endpoint| endpoint.standing().is_healthy())
            } else {
                self.first.check(self.call_timeout).await != Check::NoAnswer
            };
            if reached {
                return;
            }
            sleep(REACH_RETRY).await;
        }
    }

    /// Asks each of several endpoints for its health, again and again.
    pub(super) async fn watch(&self) {
        if self.several() {
            join_all(self.all().map(|endpoint| self.watch_one(endpoint))).await;
        }
    }

    async fn watch_one(&self, endpoint: &Endpoint) {
        loop {
            let check = endpoint.check(self.health.timeout()).await;
            let changed = endpoint.standing().checked(check, &self.health, Instant::now());
            if let Some(healthy) = changed {
                endpoint.metrics.healthy.set(healthy.into());
                let (dependency, endpoint) = (self.kind.name(), &endpoint.address);
                if healthy {
                    tracing::info!(dependency, endpoint, "an endpoint is well");
                } else {
                    tracing::warn!(dependency, endpoint, ?check, "an endpoint is not well");
                }
            }
            sleep(self.health.interval()).await;
        }
    }
}

#[cfg(test)]
mod tests;
