//! The state machine, step by step on a clock that the test moves.

use std::time::Duration;

use tokio::time::Instant;

use super::{Breaker, BreakerConfig, BreakerGauge, BreakerState, Room, machine::Admission};

const OPEN: Duration = Duration::from_millis(500);
const MS: Duration = Duration::from_millis(1);

/// A breaker and the time.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let config =
            BreakerConfig { window_ms: 1000, calls_min: 4, failure_percent: 50, open_ms: 500 };
        let breaker = Breaker::new("reviews", &config, BreakerGauge::default());
        Self { breaker, now: Instant::now() }
    }

    fn opened() -> Self {
        let bench = Self::new();
        bench.fail(4);
        bench.stands(BreakerState::Open);
        bench
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn admit(&self) -> Option<Admission<'_>> {
        self.breaker.admit(self.now)
    }

    #[track_caller]
    fn fail(&self, times: usize) {
        for _ in 0..times {
            self.admit().expect("admitted").failed(self.now);
        }
    }

    #[track_caller]
    fn succeed(&self, times: usize) {
        for _ in 0..times {
            self.admit().expect("admitted").succeeded(self.now);
        }
    }

    #[track_caller]
    fn stands(&self, state: BreakerState) {
        assert_eq!(self.breaker.state(), state);
    }
}

#[test]
fn opens_when_enough_calls_failed() {
    let bench = Bench::new();
    bench.fail(3);
    bench.stands(BreakerState::Closed);
    bench.fail(1);
    bench.stands(BreakerState::Open);
    assert!(bench.admit().is_none());
}

#[test]
fn stays_closed_below_the_share() {
    let bench = Bench::new();
    bench.succeed(6);
    bench.fail(5);
    bench.stands(BreakerState::Closed);
    bench.fail(1);
    bench.stands(BreakerState::Open);
}

#[test]
fn forgets_what_left_the_window() {
    let mut bench = Bench::new();
    bench.fail(3);
    bench.pass(MS * 1100);
    bench.fail(3);
    bench.stands(BreakerState::Closed);
    bench.pass(MS * 3_600_000);
    bench.fail(3);
    bench.stands(BreakerState::Closed);
}

#[test]
fn remembers_what_is_in_the_window() {
    let mut bench = Bench::new();
    bench.fail(3);
    bench.pass(MS * 850);
    bench.fail(1);
    bench.stands(BreakerState::Open);
}

#[test]
fn half_open_admits_exactly_one_probe() {
    let mut bench = Bench::opened();
    bench.pass(OPEN);
    let probe = bench.admit().expect("the probe");
    bench.stands(BreakerState::HalfOpen);
    for _ in 0..100 {
        assert!(bench.admit().is_none(), "a second probe");
    }
    probe.succeeded(bench.now);
    bench.stands(BreakerState::Closed);
    bench.fail(3);
    bench.stands(BreakerState::Closed);
}

#[test]
fn a_failed_probe_opens_for_the_whole_time_again() {
    let mut bench = Bench::opened();
    bench.pass(OPEN);
    bench.fail(1);
    bench.stands(BreakerState::Open);
    bench.pass(OPEN - MS);
    assert!(bench.admit().is_none());
    bench.pass(MS);
    assert!(bench.admit().is_some());
}

#[test]
fn a_dropped_probe_gives_way_to_the_next() {
    let mut bench = Bench::opened();
    bench.pass(OPEN);
    drop(bench.admit().expect("the probe"));
    bench.stands(BreakerState::HalfOpen);
    bench.succeed(1);
    bench.stands(BreakerState::Closed);
}

#[test]
fn answers_to_calls_of_a_former_state_count_for_nothing() {
    let bench = Bench::new();
    let (first, second, third) = (bench.admit(), bench.admit(), bench.admit());
    bench.fail(4);
    first.expect("admitted").succeeded(bench.now);
    bench.stands(BreakerState::Open);
    let later = bench.now + OPEN;
    let probe = bench.breaker.admit(later).expect("the probe");
    drop(second);
    assert!(bench.breaker.admit(later).is_none(), "an early call freed the place of the probe");
    third.expect("admitted").failed(later);
    bench.stands(BreakerState::HalfOpen);
    probe.succeeded(later);
    bench.stands(BreakerState::Closed);
}

#[test]
fn an_unguarded_probe_that_is_dropped_wedges_the_breaker() {
    let mut bench = Bench::opened();
    bench.pass(OPEN);
    drop(bench.admit().expect("the probe").unguarded());
    bench.pass(MS * 3_600_000);
    assert!(bench.admit().is_none());
    // One that is settled counts as any other.
    let bench = Bench::new();
    for _ in 0..4 {
        bench.admit().expect("admitted").unguarded().failed(bench.now);
    }
    bench.stands(BreakerState::Open);
}

#[test]
fn who_fetches_work_knows_how_much() {
    let mut bench = Bench::new();
    assert_eq!(bench.breaker.room(bench.now), Room::Any);
    bench.fail(4);
    let reopens = bench.now + OPEN;
    assert_eq!(bench.breaker.room(bench.now), Room::NoneUntil(reopens));
    assert!(!bench.breaker.is_closed());
    bench.pass(OPEN);
    assert_eq!(bench.breaker.room(bench.now), Room::One, "to ask is not to probe");
    assert_eq!(bench.breaker.room(bench.now), Room::One);
    let probe = bench.admit().expect("the probe");
    assert_eq!(bench.breaker.room(bench.now), Room::NoneUntil(bench.now + OPEN / 10));
    probe.succeeded(bench.now);
    assert_eq!(bench.breaker.room(bench.now), Room::Any);
}
