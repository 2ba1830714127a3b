//! The state machine, on a paused clock.

use std::time::Duration;

use super::*;

const OPEN: Duration = Duration::from_millis(500);

fn breaker() -> Breaker {
    let config = BreakerConfig { window_ms: 1000, calls_min: 4, failure_percent: 50, open_ms: 500 };
    Breaker::new("reviews", &config, BreakerGauge::default())
}

fn fail(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        breaker.admit().expect("admitted").failed();
    }
}

fn succeed(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        breaker.admit().expect("admitted").succeeded();
    }
}

#[tokio::test(start_paused = true)]
async fn opens_when_enough_calls_failed() {
    let breaker = breaker();
    fail(&breaker, 3);
    assert_eq!(breaker.state(), BreakerState::Closed, "below the minimum of calls");
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.admit().is_none());
}

#[tokio::test(start_paused = true)]
async fn stays_closed_below_the_share() {
    let breaker = breaker();
    succeed(&breaker, 6);
    fail(&breaker, 5);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open, "6 of 12");
}

#[tokio::test(start_paused = true)]
async fn forgets_what_left_the_window() {
    let breaker = breaker();
    fail(&breaker, 3);
    tokio::time::advance(Duration::from_millis(1100)).await;
    fail(&breaker, 3);
    assert_eq!(breaker.state(), BreakerState::Closed);
    tokio::time::advance(Duration::from_secs(3600)).await;
    fail(&breaker, 3);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn half_open_admits_exactly_one_probe() {
    let breaker = breaker();
    fail(&breaker, 4);
    tokio::time::advance(OPEN).await;
    let probe = breaker.admit().expect("the probe");
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    for _ in 0..100 {
        assert!(breaker.admit().is_none(), "a second probe");
    }
    probe.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker, 3);
    assert_eq!(breaker.state(), BreakerState::Closed, "the old failures are forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_for_the_whole_time_again() {
    let breaker = breaker();
    fail(&breaker, 4);
    tokio::time::advance(OPEN).await;
    breaker.admit().expect("the probe").failed();
    assert_eq!(breaker.state(), BreakerState::Open);
    tokio::time::advance(OPEN - Duration::from_millis(1)).await;
    assert!(breaker.admit().is_none());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(breaker.admit().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_gives_way_to_the_next() {
    let breaker = breaker();
    fail(&breaker, 4);
    tokio::time::advance(OPEN).await;
    drop(breaker.admit().expect("the probe"));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.admit().expect("the next probe").succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn answers_to_calls_of_a_former_state_count_for_nothing() {
    let breaker = breaker();
    let early = (breaker.admit().expect("early"), breaker.admit().expect("early"));
    fail(&breaker, 4);
    early.0.succeeded();
    assert_eq!(breaker.state(), BreakerState::Open);
    tokio::time::advance(OPEN).await;
    let probe = breaker.admit().expect("the probe");
    drop(early.1);
    assert!(breaker.admit().is_none(), "the early call's end freed the probe's place");
    probe.succeeded();
}
