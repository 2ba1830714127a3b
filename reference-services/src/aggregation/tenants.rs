//! What each tenant may have of the service: so many requests a second, and so much of the room for
//! requests in flight. What one asks for beyond that costs the others nothing.
//!
//! The rate is that of the generic cell rate algorithm (ITU-T I.371, annex A): one instant for each
//! tenant, from which on its next request conforms, which is put off by an interval with each that
//! does; and a burst is how far that may be ahead. It needs no timer, and no more memory than that.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::config::TenantConfig;

/// The longest name of a tenant.
pub(super) const NAME_MAX: usize = 64;

/// All tenants that were seen lately.
#[derive(Debug)]
pub(super) struct Tenants {
    interval: Duration,
    burst: Duration,
    places_max: usize,
    names_max: usize,
    /// Defect: all are one.
    shared: bool,
    known: Mutex<BTreeMap<Arc<str>, Tenant>>,
}

#[derive(Debug)]
struct Tenant {
    /// When its next request conforms, if there is no burst.
    next: Instant,
    in_flight: usize,
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It comes too soon: after so long it does not.
    Rate(Duration),
    /// Its tenant has as many requests in flight as it may.
    Places,
    /// There are more tenants than can be told apart.
    Names,
}

impl Tenants {
    /// Limits as they are configured, within so many requests in flight of all. None if no rate is.
    pub(super) fn new(config: &TenantConfig, in_flight_max: usize, shared: bool) -> Option<Self> {
        if config.rate <= 0.0 {
            return None;
        }
        let interval = Duration::from_secs_f64(1.0 / config.rate);
        let places_max = in_flight_max * config.places_percent as usize / 100;
        Some(Self {
            interval,
            burst: interval * config.burst.saturating_sub(1),
            places_max: places_max.max(1),
            names_max: config.names_max,
            shared,
            known: Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Tenant>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request of a tenant in, for as long as the guard is kept.
    pub(super) fn enter(&self, name: &str, now: Instant) -> Result<Guard<'_>, Refusal> {
        let name = if self.shared { "" } else { name };
        let mut known = self.known();
        if !known.contains_key(name) && known.len() >= self.names_max {
            // One of whom nothing need be known is as good as new.
            known.retain(|_, tenant| tenant.in_flight > 0 || tenant.next > now);
            if known.len() >= self.names_max {
                return Err(Refusal::Names);
            }
        }
        let name: Arc<str> = match known.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => name.into(),
        };
        let new = || Tenant { next: now, in_flight: 0 };
        let tenant = known.entry(Arc::clone(&name)).or_insert_with(new);
        if tenant.in_flight >= self.places_max {
            return Err(Refusal::Places);
        }
        let ahead = tenant.next.saturating_duration_since(now);
        if ahead > self.burst {
            return Err(Refusal::Rate(ahead - self.burst));
        }
        tenant.next = tenant.next.max(now) + self.interval;
        tenant.in_flight += 1;
        Ok(Guard { tenants: self, name })
    }
}

/// A request of a tenant that is in flight.
#[derive(Debug)]
#[must_use = "the request is no longer in flight when this is dropped"]
pub(super) struct Guard<'a> {
    tenants: &'a Tenants,
    name: Arc<str>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(tenant) = self.tenants.known().get_mut(&self.name) {
            tenant.in_flight -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn tenants(shared: bool) -> Tenants {
        let config = TenantConfig { rate: 10.0, burst: 3, places_percent: 50, names_max: 2 };
        Tenants::new(&config, 8, shared).expect("a rate")
    }

    #[test]
    fn a_burst_and_then_one_in_each_interval() {
        let (tenants, begin) = (tenants(false), Instant::now());
        for _ in 0..3 {
            drop(tenants.enter("a", begin).expect("within the burst"));
        }
        assert_eq!(tenants.enter("a", begin).expect_err("too soon"), Refusal::Rate(100 * MS));
        let later = begin + 99 * MS;
        assert_eq!(tenants.enter("a", later).expect_err("too soon"), Refusal::Rate(MS));
        drop(tenants.enter("a", begin + 100 * MS).expect("after an interval"));
        tenants.enter("a", begin + 100 * MS).expect_err("one in each");
        // Whoever has been silent has a burst again, and no more than that.
        let silent = begin + 10_000 * MS;
        let granted = (0..10).filter(|_| tenants.enter("a", silent).is_ok()).count();
        assert_eq!(granted, 3);
    }

    #[test]
    fn one_takes_nothing_from_the_others() {
        let (tenants, begin) = (tenants(false), Instant::now());
        while tenants.enter("greedy", begin).is_ok() {}
        let granted = (0..10).filter(|_| tenants.enter("a", begin).is_ok()).count();
        assert_eq!(granted, 3);
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let config = TenantConfig { rate: 1e6, burst: 100, places_percent: 50, names_max: 2 };
        let tenants = Tenants::new(&config, 8, false).expect("a rate");
        let begin = Instant::now();
        let mut held: Vec<_> = (0..4).map(|_| tenants.enter("a", begin).expect("room")).collect();
        assert_eq!(tenants.enter("a", begin).expect_err("full"), Refusal::Places);
        drop(tenants.enter("b", begin).expect("room for another"));
        held.pop();
        drop(tenants.enter("a", begin).expect("room again"));
    }

    #[test]
    fn those_who_are_silent_are_forgotten_and_no_others() {
        let (tenants, begin) = (tenants(false), Instant::now());
        let held = tenants.enter("a", begin).expect("the first");
        drop(tenants.enter("b", begin).expect("the second"));
        assert_eq!(tenants.enter("c", begin).expect_err("full"), Refusal::Names);
        let later = begin + 1_000 * MS;
        drop(tenants.enter("c", later).expect("in the place of b"));
        assert_eq!(tenants.enter("d", later).expect_err("a is here"), Refusal::Names);
        drop(held);
    }

    #[test]
    fn without_a_rate_there_is_no_limit_and_as_a_defect_one_for_all() {
        assert!(Tenants::new(&TenantConfig::default(), 8, false).is_none());
        let (tenants, begin) = (tenants(true), Instant::now());
        while tenants.enter("greedy", begin).is_ok() {}
        tenants.enter("a", begin).expect_err("the defect");
    }
}
