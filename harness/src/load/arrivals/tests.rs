//! How many requests start, and when.

use std::time::Duration;

use super::{super::faults::Faults, Schedule};
use crate::{
    plan::{Arrivals, Fault, Load, Plan, Topology, burst, ramp},
    run::rng,
};

const BEGIN: u64 = 5_000_000_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// When requests start, in nanoseconds after the beginning, and what share of each faults add.
fn schedule(arrivals: Arrivals, lasts: Duration, faults: &[Fault]) -> Vec<(u64, f64)> {
    let load = Load::new("a", "b:80", arrivals).lasts(lasts);
    let mut rng = rng::stream(7, "arrivals");
    let plan = Plan::new(Topology::new());
    let faults = Faults::of(&faults.iter().cloned().fold(plan, Plan::fault));
    let mut schedule = Schedule::new(&load, &faults.rates, BEGIN, &mut rng);
    let mut arrivals = Vec::new();
    while let Some(at) = schedule.next() {
        let added: f64 = schedule.added(at).map(|(_, share)| share).sum();
        arrivals.push((at - BEGIN, added));
    }
    arrivals
}

fn count(arrivals: &[(u64, f64)], from: Duration, until: Duration) -> usize {
    arrivals.iter().filter(|(at, _)| (from..until).contains(&Duration::from_nanos(*at))).count()
}

#[track_caller]
fn check_count(arrivals: Arrivals, lasts: Duration, expected: usize) {
    let found = schedule(arrivals, lasts, &[]).len();
    assert!(found.abs_diff(expected) <= 1, "expected {expected} arrivals, found {found}");
}

#[test]
fn a_constant_rate_is_evenly_spaced_from_the_first_instant_on() {
    let instants: Vec<u64> =
        schedule(Arrivals::Constant { rate: 100.0 }, ms(100), &[]).iter().map(|a| a.0).collect();
    assert_eq!(instants, (0..10).map(|n| n * 10_000_000).collect::<Vec<u64>>());
}

#[test]
fn what_is_rounded_for_each_request_does_not_add_up() {
    let arrivals = schedule(Arrivals::Constant { rate: 5_000.0 }, ms(30_000), &[]);
    assert!(arrivals.iter().map(|a| a.0).eq((0..150_000).map(|n| n * 200_000)));
}

#[test]
fn a_ramp_sends_the_area_below_it_even_when_it_begins_at_nothing() {
    check_count(Arrivals::Ramp { from: 0.0, to: 100.0 }, ms(10_000), 500);
    check_count(Arrivals::Ramp { from: 100.0, to: 0.0 }, ms(10_000), 500);
    check_count(Arrivals::Ramp { from: 100.0, to: 300.0 }, ms(1_000), 200);
    let arrivals = schedule(Arrivals::Ramp { from: 0.0, to: 100.0 }, ms(10_000), &[]);
    let half = count(&arrivals, ms(0), ms(5_000));
    assert!(half.abs_diff(125) <= 1, "a quarter of them in the first half, found {half}");
}

#[test]
fn steps_have_equal_lengths_and_may_be_pauses() {
    let arrivals = schedule(Arrivals::Steps { rates: vec![0.0, 100.0, 0.0, 50.0] }, ms(4_000), &[]);
    let of_step = |step: u64| count(&arrivals, ms(step * 1_000), ms((step + 1) * 1_000));
    let found: Vec<usize> = (0..4).map(of_step).collect();
    assert_eq!(found[0], 0);
    assert!(
        found[1].abs_diff(100) <= 1 && found[2] <= 1 && found[3].abs_diff(50) <= 1,
        "{found:?}"
    );
}

#[test]
fn bursts_come_on_time_however_slow_it_is_between_them() {
    let bursts = Arrivals::Bursts { rate: 0.5, peak: 1_000.0, every: ms(500), burst: ms(20) };
    let arrivals = schedule(bursts, ms(2_000), &[]);
    for begin in [0, 500, 1_000, 1_500] {
        let found = count(&arrivals, ms(begin), ms(begin + 20));
        assert!(found.abs_diff(20) <= 1, "20 in the burst at {begin} ms, found {found}");
        assert!(count(&arrivals, ms(begin + 21), ms(begin + 500)) <= 1);
    }
}

#[test]
fn poisson_arrivals_have_the_mean_and_the_spread_of_independent_users() {
    let arrivals = schedule(Arrivals::Poisson { rate: 1_000.0 }, ms(20_000), &[]);
    assert!(arrivals.len().abs_diff(20_000) < 600, "found {}", arrivals.len());
    assert!(arrivals[0].0 > 0, "nothing makes the first user come at once");
    let gaps: Vec<f64> = arrivals.windows(2).map(|w| (w[1].0 - w[0].0) as f64).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    let variation = variance.sqrt() / mean;
    assert!((0.95..1.05).contains(&variation), "coefficient of variation {variation}");
}

#[test]
fn a_burst_fault_multiplies_the_rate_for_exactly_as_long_as_it_acts() {
    let fault = burst(5.0).from(ms(1_000)).until(ms(2_000));
    let arrivals = schedule(Arrivals::Constant { rate: 100.0 }, ms(3_000), &[fault]);
    assert!(count(&arrivals, ms(0), ms(1_000)).abs_diff(100) <= 1);
    assert!(count(&arrivals, ms(1_000), ms(2_000)).abs_diff(500) <= 1);
    assert!(count(&arrivals, ms(2_000), ms(3_000)).abs_diff(100) <= 1);
    let added: f64 = arrivals.iter().map(|(_, added)| added).sum();
    assert!((395.0..405.0).contains(&added), "400 are added, found {added}");
}

#[test]
fn a_ramp_fault_rises_to_its_factor_on_top_of_any_load() {
    let fault = || ramp(3.0).from(ms(0)).until(ms(2_000));
    let constant = schedule(Arrivals::Constant { rate: 100.0 }, ms(2_000), &[fault()]);
    assert!(constant.len().abs_diff(400) <= 2, "found {}", constant.len());
    // The area of 100 x * (1 + 2 x) over two seconds.
    let both = schedule(Arrivals::Ramp { from: 0.0, to: 100.0 }, ms(2_000), &[fault()]);
    assert!(both.len().abs_diff(233) <= 2, "found {}", both.len());
}

#[test]
fn a_closed_load_has_no_schedule() {
    assert!(schedule(Arrivals::Closed { clients: 3, think: ms(1) }, ms(1_000), &[]).is_empty());
}
