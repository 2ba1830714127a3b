//! Which endpoints get calls, by how they stand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Check, Endpoints};
use crate::{
    aggregation::{
        Addresses, Config, Defect,
        defect::Defects,
        endpoint::{Endpoint, InFlight},
        endpoint_metrics::EndpointMetrics,
    },
    dependency::Kind,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// So many endpoints, `a:1` and so on, all of them well for long.
fn endpoints(count: u8, defect: Option<Defect>) -> (Endpoints, Instant) {
    let names = (b'a'..).take(count.into()).map(char::from);
    let addresses = names.map(|name| format!("http://{name}:1")).collect();
    let mut config = Config::default();
    config.upstreams.reviews = Addresses::Several(addresses);
    let defects = Defects::from(&defect.into_iter().collect());
    let metrics = vec![EndpointMetrics::default(); count.into()];
    let endpoints = Endpoints::new(Kind::Reviews, &config, None, (defects, &metrics))
        .expect("a valid configuration");
    let now = Instant::now();
    for endpoint in endpoints.all() {
        endpoint.standing().checked(Check::Serving, &endpoints.health, now);
    }
    (endpoints, now + ms(60_000))
}

fn named<'a>(endpoints: &'a Endpoints, name: &str) -> &'a Arc<Endpoint> {
    endpoints.all().find(|it| it.address.starts_with(name)).expect("it is there")
}

fn is_down(endpoints: &Endpoints, name: &str, now: Instant) {
    named(endpoints, name).standing().checked(Check::NotServing, &endpoints.health, now);
}

/// How often each is picked of a thousand times, when calls stay in flight or end at once.
fn picked(endpoints: &Endpoints, tried: &[&str], now: Instant, stay: bool) -> BTreeMap<char, u32> {
    let tried: Vec<_> = tried.iter().map(|name| Arc::clone(named(endpoints, name))).collect();
    let mut counts = BTreeMap::new();
    let mut held: Vec<InFlight> = Vec::new();
    for _ in 0..1000 {
        let endpoint = endpoints.pick(&tried, now);
        *counts.entry(endpoint.address.chars().next().expect("a name")).or_default() += 1;
        if stay {
            held.push(endpoint.enter());
        }
    }
    counts
}

#[track_caller]
fn check(endpoints: &Endpoints, tried: &[&str], now: Instant, expected: &str) {
    let found: String = picked(endpoints, tried, now, false).into_keys().collect();
    assert_eq!(found, expected, "tried {tried:?}");
}

#[tokio::test]
async fn one_gets_all_calls_however_it_fares() {
    let (endpoints, now) = endpoints(1, None);
    is_down(&endpoints, "a", now);
    (0..100).for_each(|_| endpoints.failed(named(&endpoints, "a"), now));
    check(&endpoints, &["a"], now, "a");
    assert!(!named(&endpoints, "a").standing().outlier.is_ejected(now));
}

#[tokio::test]
async fn another_one_is_tried_if_one_is_well() {
    let (endpoints, now) = endpoints(3, None);
    check(&endpoints, &[], now, "abc");
    check(&endpoints, &["a"], now, "bc");
    is_down(&endpoints, "b", now);
    check(&endpoints, &[], now, "ac");
    check(&endpoints, &["a"], now, "c");
    check(&endpoints, &["a", "c"], now, "ac");
    is_down(&endpoints, "c", now);
    check(&endpoints, &["a"], now, "a");
    is_down(&endpoints, "a", now);
    check(&endpoints, &[], now, "abc");
    check(&endpoints, &["a"], now, "bc");
}

#[tokio::test]
async fn a_hedge_goes_to_another_one_that_is_well_or_nowhere() {
    let (endpoints, now) = endpoints(2, None);
    let first = Arc::clone(named(&endpoints, "a"));
    let another = endpoints.another(std::slice::from_ref(&first), now);
    assert!(another.is_some_and(|it| it.address == "b:1"));
    is_down(&endpoints, "b", now);
    assert!(endpoints.another(&[first], now).is_none());
}

#[tokio::test]
async fn what_fails_in_a_row_is_left_out_and_the_last_one_never() {
    let (endpoints, now) = endpoints(2, None);
    let fail = |name| (0..5).for_each(|_| endpoints.failed(named(&endpoints, name), now));
    fail("b");
    check(&endpoints, &[], now, "a");
    check(&endpoints, &["a"], now, "a");
    fail("a");
    check(&endpoints, &[], now, "a");
    check(&endpoints, &[], now + ms(5000), "ab");
}

#[tokio::test]
async fn calls_are_spread_by_what_is_in_flight() {
    let (endpoints, now) = endpoints(2, None);
    let counts = picked(&endpoints, &[], now, true);
    assert_eq!(counts, BTreeMap::from([('a', 500), ('b', 500)]));
}

#[tokio::test]
async fn one_that_is_back_gets_little_at_first() {
    let (endpoints, now) = endpoints(2, None);
    is_down(&endpoints, "b", now);
    for _ in 0..2 {
        named(&endpoints, "b").standing().checked(Check::Serving, &endpoints.health, now);
    }
    // Of what is in flight it has none, so that it gets whatever it takes part in.
    let share = |after| picked(&endpoints, &[], now + ms(after), true)[&'b'];
    assert!((60..140).contains(&share(0)), "{}", share(0));
    assert!((200..300).contains(&share(500)), "{}", share(500));
    assert_eq!(share(2000), 500);
}

#[tokio::test]
async fn defects_take_this_away() {
    let (blind, now) = endpoints(2, Some(Defect::BalancesBlindly));
    is_down(&blind, "b", now);
    check(&blind, &[], now, "ab");
    let (hasty, now) = endpoints(2, Some(Defect::NoSlowStart));
    named(&hasty, "b").standing().outlier.eject(&hasty.outlier, now - ms(5000));
    assert_eq!(picked(&hasty, &[], now, true)[&'b'], 500);
}
