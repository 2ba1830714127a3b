//! The limit under steady loads, brownouts, idleness, and anything else.

use std::{cmp::Reverse, collections::BinaryHeap};

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

const MAX: usize = 1200;

fn config() -> AdaptiveConfig {
    AdaptiveConfig { latency_ms: 100, initial: 100, min: 20 }
}

/// A server that answers `rate` requests a second one after the other, each after 20 ms more; clients
/// that send far more for `lasts`; and the limit between them. Returns the longest latency of the
/// second half, and how many were answered in all.
fn overload(
    gradient: &mut Gradient,
    rate: f64,
    begin: Instant,
    lasts: Duration,
) -> (Duration, u64) {
    let service = Duration::from_secs_f64(1.0 / rate);
    let (mut free, mut in_flight) = (begin, BinaryHeap::new());
    let (mut longest, mut answered) = (Duration::ZERO, 0);
    let mut now = begin;
    while now < begin + lasts {
        while let Some(Reverse((done, came))) = in_flight.peek().copied() {
            if done > now {
                break;
            }
            in_flight.pop();
            answered += 1;
            let latency: Duration = done - came;
            gradient.left(latency, false, done);
            if done > begin + lasts / 2 {
                longest = longest.max(latency);
            }
        }
        if in_flight.len() < gradient.limit() {
            free = free.max(now) + service;
            in_flight.push(Reverse((free + 20 * MS, now)));
            gradient.entered(in_flight.len());
        }
        now += Duration::from_secs_f64(1.0 / (3.0 * rate));
    }
    (longest, answered)
}

#[test]
fn an_overload_has_the_latency_that_is_wanted_and_the_throughput_that_there_is() {
    for rate in [400.0, 1_000.0, 5_000.0] {
        let begin = Instant::now();
        let mut gradient = Gradient::new(&config(), MAX, begin);
        let lasts = Duration::from_secs(8);
        let (longest, answered) = overload(&mut gradient, rate, begin, lasts);
        assert!((70 * MS..150 * MS).contains(&longest), "{longest:?} at {rate} a second");
        let share = answered as f64 / (rate * lasts.as_secs_f64());
        assert!(share > 0.95, "{share} of {rate} a second");
    }
}

#[test]
fn a_brownout_lowers_it_and_it_comes_back() {
    let begin = Instant::now();
    let mut gradient = Gradient::new(&config(), MAX, begin);
    overload(&mut gradient, 2_000.0, begin, 4_000 * MS);
    let before = gradient.limit();
    let brownout = begin + 4_000 * MS;
    let (longest, _) = overload(&mut gradient, 500.0, brownout, 2_000 * MS);
    let during = gradient.limit();
    assert!(during < before / 2 && longest < 150 * MS, "{before}, then {during}; {longest:?}");
    overload(&mut gradient, 2_000.0, brownout + 2_000 * MS, 4_000 * MS);
    let after = gradient.limit();
    assert!(after.abs_diff(before) < before / 5, "{before}, then {after}");
}

#[test]
fn what_is_not_used_does_not_grow() {
    let begin = Instant::now();
    let mut gradient = Gradient::new(&config(), MAX, begin);
    for number in 0..1_000_u32 {
        gradient.entered(49);
        gradient.left(20 * MS, false, begin + number * MS);
    }
    assert_eq!(gradient.limit(), 100);
}

#[test]
fn failures_at_once_say_nothing_and_late_ones_lower_it() {
    let begin = Instant::now();
    let mut gradient = Gradient::new(&config(), MAX, begin);
    for number in 0..1_000_u32 {
        gradient.entered(100);
        gradient.left(MS, true, begin + number * MS);
    }
    assert_eq!(gradient.limit(), 100);
    for number in 0..100_u32 {
        gradient.left(180 * MS, true, begin + (1_000 + number) * MS);
    }
    assert!(gradient.limit() < 100, "{}", gradient.limit());
}

#[test]
fn a_single_outlier_changes_nothing() {
    let begin = Instant::now();
    let mut gradient = Gradient::new(&config(), MAX, begin);
    for number in 0..100_u32 {
        let latency = if number == 50 { 1_000 * MS } else { 20 * MS };
        gradient.left(latency, false, begin + number * 10 * MS);
    }
    assert_eq!(gradient.limit(), 100);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_limit_is_within_its_bounds_whatever_happens(
        (min, max, initial) in (1_usize..50, 1_usize..2_000, 1_usize..3_000),
        latency_ms in 1_u64..1_000,
        events in prop::collection::vec((0_u64..3_000, any::<bool>(), 0_usize..3_000, 0_u64..50), 0..2_000),
    ) {
        let begin = Instant::now();
        let config = AdaptiveConfig { latency_ms, initial, min };
        let mut gradient = Gradient::new(&config, max, begin);
        let mut now = begin;
        for (latency, failed, in_flight, pause) in events {
            now += Duration::from_millis(pause);
            let before = gradient.limit();
            gradient.entered(in_flight);
            gradient.left(Duration::from_millis(latency), failed, now);
            let limit = gradient.limit();
            prop_assert!((min.min(max)..=max).contains(&limit), "{limit} of {min} to {max}");
            // No more than halved, and no more grown than by the root, in one step.
            prop_assert!(limit + 1 >= before / 2, "{before}, then {limit}");
            let root = (before as f64 + 1.0).sqrt();
            prop_assert!(limit as f64 <= before as f64 + root + 1.0, "{before}, then {limit}");
            prop_assert!(gradient.window.latencies.len() < SAMPLES_MAX);
        }
    }
}
