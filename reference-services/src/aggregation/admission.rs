//! Which requests are let in: so many at once, and of those that do not pay only while enough of the
//! room is free.
//!
//! The bound is fixed, or [found out](super::gradient). Each class may fill a share of it, so that
//! with more and more requests the lowest class is turned away first, as with the criticality of
//! Google's SRE book (chapter 21, "Handling Overload"). Whoever is turned away is so at once and
//! costs next to nothing; nobody waits here. Health checks never come here.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::HeaderMap;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use tokio::time::Instant;

use super::{
    config::Config,
    defect::{Defect, Defects},
    gradient::Gradient,
};
use crate::metrics::Table;

/// What a fixed bound is that nobody has measured.
const TOO_HIGH: usize = 10_000;

/// How important a request is: what its tenant pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Paying,
    Free,
}

impl Class {
    const ALL: [Self; 2] = [Self::Paying, Self::Free];

    fn name(self) -> &'static str {
        match self {
            Self::Paying => "paying",
            Self::Free => "free",
        }
    }
}

/// The room for requests in flight.
#[derive(Debug)]
pub(super) struct Admission {
    in_flight_max: usize,
    paying: BTreeSet<String>,
    /// The share of the room that each class may fill.
    percent: [usize; 2],
    state: Mutex<State>,
    metrics: AdmissionMetrics,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    /// None if the bound is fixed.
    gradient: Option<Gradient>,
}

/// What is let in and what is not.
#[derive(Debug, Default)]
struct AdmissionMetrics {
    limit: Gauge,
    admitted: [Counter; 2],
    shed: [Counter; 2],
}

impl Admission {
    /// The room as it is configured. Its metrics are there if it adapts or has classes: a fixed bound
    /// that is the same for all says nothing that the requests in flight do not.
    pub(super) fn new(config: &Config, registry: &mut Registry) -> Self {
        let defects = Defects::from(&config.defects);
        let adaptive = &config.adaptive;
        let mut in_flight_max = config.in_flight_max;
        let mut gradient = (adaptive.latency_ms > 0)
            .then(|| Gradient::new(adaptive, in_flight_max, Instant::now()));
        if defects.has(Defect::StaticLimitTooHigh) {
            // Defect: a number that was high enough for everything.
            (in_flight_max, gradient) = (TOO_HIGH, None);
        }
        let paying = config.priority.paying.clone();
        // Defect: nobody looks at who asks.
        let blind = defects.has(Defect::ShedsBlindly);
        let alike = paying.is_empty() || blind;
        let free = if alike { 100 } else { config.priority.free_percent as usize };
        let metrics = AdmissionMetrics::default();
        if adaptive.latency_ms > 0 || !paying.is_empty() {
            metrics.register(registry);
        }
        let limit = gradient.as_ref().map_or(in_flight_max, Gradient::limit);
        metrics.show(limit);
        let state = Mutex::new(State { in_flight: 0, gradient });
        Self { in_flight_max, paying, percent: [100, free], state, metrics }
    }

    /// Whose request it is.
    pub(super) fn class(&self, headers: &HeaderMap) -> Class {
        let tenant = headers.get("x-tenant").and_then(|name| name.to_str().ok());
        match tenant {
            Some(name) if self.paying.contains(name) => Class::Paying,
            _ => Class::Free,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request in until the place is dropped; `None` when its class has filled its share.
    pub(super) fn enter(&self, class: Class, now: Instant) -> Option<Place<'_>> {
        let mut state = self.state();
        let limit = state.gradient.as_ref().map_or(self.in_flight_max, Gradient::limit);
        // The smallest room is room for one.
        let share = (limit * self.percent[class as usize] / 100).max(1);
        if state.in_flight >= share {
            self.metrics.shed[class as usize].inc();
            return None;
        }
        state.in_flight += 1;
        let in_flight = state.in_flight;
        if let Some(gradient) = &mut state.gradient {
            gradient.entered(in_flight);
        }
        self.metrics.admitted[class as usize].inc();
        Some(Place { admission: self, since: now, failed: false })
    }
}

/// A place in the room.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub(super) struct Place<'a> {
    admission: &'a Admission,
    since: Instant,
    failed: bool,
}

impl Place<'_> {
    /// There is no answer to the request but an error.
    pub(super) fn failed(&mut self) {
        self.failed = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        state.in_flight -= 1;
        if let Some(gradient) = &mut state.gradient {
            let now = Instant::now();
            gradient.left(now.saturating_duration_since(self.since), self.failed, now);
            self.admission.metrics.show(gradient.limit());
        }
    }
}

impl AdmissionMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("limit", "Requests that may be in flight", self.limit.clone());
        let tables = [
            ("admitted", "Requests that were let in, by class", &self.admitted),
            ("shed", "Requests that were turned away for want of room, by class", &self.shed),
        ];
        for (name, help, counters) in tables {
            let series = Class::ALL.iter().zip(counters);
            let series = series.map(|(class, count)| ([("class", class.name())], count));
            registry.register(name, help, series.collect::<Table<_, _, 1>>());
        }
    }

    fn show(&self, limit: usize) {
        self.limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn admission(change: impl FnOnce(&mut Config)) -> Admission {
        let mut config = Config { in_flight_max: 10, ..Config::default() };
        config.priority.paying = BTreeSet::from(["gold".to_owned()]);
        config.priority.free_percent = 70;
        change(&mut config);
        Admission::new(&config, &mut Registry::default())
    }

    fn fill(admission: &Admission, class: Class) -> Vec<Place<'_>> {
        std::iter::from_fn(|| admission.enter(class, Instant::now())).collect()
    }

    #[test]
    fn who_does_not_pay_is_turned_away_first() {
        let admission = admission(|_| {});
        let free = fill(&admission, Class::Free);
        assert_eq!(free.len(), 7);
        let paying = fill(&admission, Class::Paying);
        assert_eq!(paying.len(), 3);
        drop(free);
        // What is taken by those who pay, the others do not get.
        assert_eq!(fill(&admission, Class::Free).len(), 4);
    }

    #[test]
    fn without_anybody_who_pays_all_are_alike_and_so_with_the_defect() {
        let alike = admission(|config| config.priority.paying.clear());
        assert_eq!(fill(&alike, Class::Free).len(), 10);
        let blind = admission(|config| {
            config.defects.insert(Defect::ShedsBlindly);
        });
        assert_eq!(fill(&blind, Class::Free).len(), 10);
    }

    #[test]
    fn the_smallest_room_has_a_place_for_each_class() {
        let admission = admission(|config| config.in_flight_max = 1);
        assert_eq!(fill(&admission, Class::Free).len(), 1);
    }

    #[test]
    fn who_pays_is_known_by_the_tenant() {
        let admission = admission(|_| {});
        let class = |name: HeaderValue| {
            admission
                .class(&HeaderMap::from_iter([(http::HeaderName::from_static("x-tenant"), name)]))
        };
        assert_eq!(class(HeaderValue::from_static("gold")), Class::Paying);
        assert_eq!(class(HeaderValue::from_static("Gold")), Class::Free);
        assert_eq!(class(HeaderValue::from_bytes(b"\xff").expect("opaque")), Class::Free);
        assert_eq!(admission.class(&HeaderMap::new()), Class::Free);
    }

    #[tokio::test]
    async fn the_room_shrinks_when_requests_take_long_and_the_defect_has_no_such_room() {
        let adaptive = |config: &mut Config| {
            config.in_flight_max = 100;
            config.adaptive.latency_ms = 5;
            config.adaptive.min = 5;
        };
        let admission = admission(adaptive);
        assert_eq!(fill(&admission, Class::Paying).len(), 100);
        for _ in 0..20 {
            let held = fill(&admission, Class::Paying);
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(held);
        }
        assert_eq!(fill(&admission, Class::Paying).len(), 5);
        assert_eq!(admission.metrics.limit.get(), 5);
        let fixed = self::admission(|config| {
            adaptive(config);
            config.defects.insert(Defect::StaticLimitTooHigh);
        });
        assert_eq!(fill(&fixed, Class::Paying).len(), TOO_HIGH);
    }
}
