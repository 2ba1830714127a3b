//! The groups of endpoints, as they were last named, and the choice among them.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::{
    Config, EndpointsSpec,
    defect::Defects,
    endpoint::Endpoint,
    metrics::Metrics,
    pick::{Turn, next_group},
};
use crate::endpoints::{OutlierConfig, better_of_two, may_eject};

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    state: Mutex<State>,
    outlier: OutlierConfig,
    idle_max: usize,
    metrics: Arc<Metrics>,
    defects: Defects,
}

#[derive(Debug, Default)]
struct State {
    spec: EndpointsSpec,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    name: String,
    turn: Turn,
    endpoints: Vec<Arc<Endpoint>>,
}

/// Which endpoints a request may go to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// Those that are well and were not tried before.
    Well,
    /// Those that were not tried before: better an ejected one than none.
    Untried,
    Any,
}

impl Groups {
    pub(super) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        let groups = Self {
            state: Mutex::default(),
            outlier: config.outlier.clone(),
            idle_max: config.idle_max,
            metrics,
            defects: Defects::from(&config.defects),
        };
        groups.set(config.endpoints.clone());
        groups
    }

    /// Takes these endpoints in place of those before. What is in flight to one that is no longer
    /// named goes on to its end.
    pub(super) fn set(&self, spec: EndpointsSpec) {
        let mut state = self.state.lock().expect("nothing panics while it holds the lock");
        let mut before = std::mem::take(&mut state.groups);
        let groups = spec.groups.iter().map(|named| {
            let known = before.iter().position(|group| group.name == named.name);
            let mut known = known.map(|place| before.swap_remove(place));
            let metrics = self.metrics.group(&named.name);
            let endpoints = named.endpoints.iter().map(|address| {
                let kept = known.as_mut().and_then(|group| {
                    let place = group.endpoints.iter().position(|it| it.address == *address)?;
                    Some(group.endpoints.swap_remove(place))
                });
                kept.unwrap_or_else(|| {
                    let metrics = Arc::clone(&metrics);
                    Arc::new(Endpoint::new(address.clone(), metrics, self.idle_max))
                })
            });
            let endpoints = endpoints.collect();
            let turn = Turn::new(named.weight);
            let kept = known.as_ref().filter(|group| group.turn.weight == turn.weight);
            let turn = kept.map_or(turn, |group| group.turn);
            known.iter().flat_map(|group| &group.endpoints).for_each(|gone| self.remove(gone));
            Group { name: named.name.clone(), turn, endpoints }
        });
        state.groups = groups.collect();
        before.iter().flat_map(|group| &group.endpoints).for_each(|gone| self.remove(gone));
        self.metrics.forget_all_but(&spec);
        state.spec = spec;
    }

    /// An endpoint is no longer named.
    fn remove(&self, gone: &Arc<Endpoint>) {
        if self.defects.keeps_removed {
            // Defect: somebody still has it, and so its connections.
            std::mem::forget(Arc::clone(gone));
        } else {
            gone.remove();
        }
    }

    /// The endpoints as they were last named.
    pub(super) fn spec(&self) -> EndpointsSpec {
        self.state.lock().expect("nothing panics while it holds the lock").spec.clone()
    }

    /// Is there any endpoint?
    pub(super) fn any(&self) -> bool {
        let state = self.state.lock().expect("nothing panics while it holds the lock");
        state.groups.iter().any(|group| !group.endpoints.is_empty())
    }

    /// The endpoint for the next request, if possible none of those `tried`.
    pub(super) fn pick(&self, tried: &[Arc<Endpoint>]) -> Option<Arc<Endpoint>> {
        let mut state = self.state.lock().expect("nothing panics while it holds the lock");
        let now = Instant::now();
        [Choice::Well, Choice::Untried, Choice::Any].into_iter().find_map(|choice| {
            let open = |endpoint: &Arc<Endpoint>| match choice {
                Choice::Well => !is_among(tried, endpoint) && !is_ejected(endpoint, now),
                Choice::Untried => !is_among(tried, endpoint),
                Choice::Any => true,
            };
            let group = next_group(
                &mut state.groups,
                |group| group.endpoints.iter().any(open),
                |group| &mut group.turn,
            )?;
            let candidates = group.endpoints.iter().filter(|endpoint| open(endpoint));
            // Defect: the more there is in flight, the better.
            let worse = self.defects.picks_worse;
            let load = |endpoint: &Arc<Endpoint>| match endpoint.in_flight() {
                in_flight if worse => usize::MAX - in_flight,
                in_flight => in_flight,
            };
            better_of_two(candidates, load, &mut rand::rng()).cloned()
        })
    }

    /// A request to this endpoint succeeded.
    pub(super) fn succeeded(&self, endpoint: &Endpoint) {
        let mut outlier = endpoint.outlier.lock().expect("nothing panics while it holds the lock");
        outlier.succeeded(&self.outlier, Instant::now());
    }

    /// A request to this endpoint failed; after one too many it is left out for a while, unless
    /// too many others are.
    pub(super) fn failed(&self, endpoint: &Endpoint) {
        endpoint.metrics.failures.inc();
        let now = Instant::now();
        {
            let mut outlier =
                endpoint.outlier.lock().expect("nothing panics while it holds the lock");
            if outlier.is_ejected(now) || !outlier.failed(&self.outlier, now) {
                return;
            }
        }
        if self.defects.never_ejects {
            // Defect: nothing comes of it.
            return;
        }
        let state = self.state.lock().expect("nothing panics while it holds the lock");
        let all = || state.groups.iter().flat_map(|group| &group.endpoints);
        let ejected = all().filter(|endpoint| is_ejected(endpoint, now)).count();
        if !may_eject(ejected, all().count(), &self.outlier) {
            return;
        }
        let mut outlier = endpoint.outlier.lock().expect("nothing panics while it holds the lock");
        let time = outlier.eject(&self.outlier, now);
        endpoint.metrics.ejections.inc();
        tracing::warn!(
            endpoint = endpoint.address,
            for_ms = time.as_millis(),
            "left an endpoint out"
        );
    }
}

fn is_among(tried: &[Arc<Endpoint>], endpoint: &Arc<Endpoint>) -> bool {
    tried.iter().any(|tried| Arc::ptr_eq(tried, endpoint))
}

fn is_ejected(endpoint: &Arc<Endpoint>, now: Instant) -> bool {
    endpoint.outlier.lock().expect("nothing panics while it holds the lock").is_ejected(now)
}

#[cfg(test)]
mod tests {
    use super::{super::GroupSpec, *};

    fn groups(spec: &[(&str, u32, &[&str])]) -> Groups {
        let mut config = Config { endpoints: endpoints(spec), ..Config::default() };
        config.outlier.ejected_ms = 100;
        Groups::new(&config, Arc::new(Metrics::new()))
    }

    fn endpoints(spec: &[(&str, u32, &[&str])]) -> EndpointsSpec {
        let group = |&(name, weight, endpoints): &(&str, u32, &[&str])| GroupSpec {
            name: name.to_owned(),
            weight,
            endpoints: endpoints.iter().map(|&address| address.to_owned()).collect(),
        };
        EndpointsSpec { groups: spec.iter().map(group).collect() }
    }

    fn picked(groups: &Groups, times: usize) -> Vec<String> {
        let one = |_| groups.pick(&[]).expect("an endpoint").address.clone();
        let mut seen: Vec<_> = (0..times).map(one).collect();
        seen.sort();
        seen.dedup();
        seen
    }

    #[test]
    fn groups_without_endpoints_get_nothing() {
        assert!(groups(&[]).pick(&[]).is_none());
        assert!(groups(&[("a", 1, &[])]).pick(&[]).is_none());
        assert!(groups(&[("a", 0, &["x:1"])]).pick(&[]).is_none());
        let groups = groups(&[("a", 9, &[]), ("b", 1, &["x:1"])]);
        assert_eq!(picked(&groups, 5), ["x:1"]);
    }

    #[test]
    fn another_one_is_tried_if_there_is_one() {
        let groups = groups(&[("a", 100, &["x:1"]), ("b", 1, &["y:1"])]);
        let first = groups.pick(&[]).expect("an endpoint");
        for _ in 0..5 {
            assert_ne!(groups.pick(&[Arc::clone(&first)]).expect("another").address, first.address);
        }
        groups.set(endpoints(&[("a", 100, &["x:1"])]));
        assert_eq!(groups.pick(&[Arc::clone(&first)]).expect("the same").address, "x:1");
    }

    #[tokio::test]
    async fn what_fails_again_and_again_is_left_out_for_a_while() {
        let groups = groups(&[("a", 1, &["x:1", "y:1", "z:1"])]);
        let eject = |address: &str| {
            let state = groups.state.lock().unwrap();
            let found = state.groups[0].endpoints.iter().find(|it| it.address == address);
            let endpoint = Arc::clone(found.expect("it is named"));
            drop(state);
            (0..5).for_each(|_| groups.failed(&endpoint));
        };
        eject("y:1");
        assert_eq!(picked(&groups, 100), ["x:1", "z:1"]);
        eject("x:1");
        assert_eq!(picked(&groups, 100), ["x:1", "z:1"], "more than half would be left out");
        tokio::time::sleep(std::time::Duration::from_millis(101)).await;
        assert_eq!(picked(&groups, 100), ["x:1", "y:1", "z:1"]);
    }

    #[test]
    fn the_last_one_is_never_left_out() {
        let groups = groups(&[("a", 1, &["x:1"])]);
        let endpoint = groups.pick(&[]).expect("an endpoint");
        (0..50).for_each(|_| groups.failed(&endpoint));
        assert_eq!(picked(&groups, 3), ["x:1"]);
    }

    #[test]
    fn endpoints_that_stay_are_the_same() {
        let groups = groups(&[("a", 1, &["x:1", "y:1"])]);
        let before = groups.pick(&[]).expect("an endpoint");
        let _in_flight = before.enter();
        groups.set(endpoints(&[("a", 2, &[before.address.as_str()]), ("b", 1, &[])]));
        let after = groups.pick(&[]).expect("an endpoint");
        assert!(Arc::ptr_eq(&before, &after));
        assert_eq!(after.in_flight(), 1);
    }
}
