//! Clocks that are off, jump and drift, and timers that go by them.

use std::time::{Duration, Instant, SystemTime};

use squall::plan::{Fault, clock_drift, clock_jump, clock_skew, crash};
use tokio::fs;
use tokio::time::sleep;

use crate::world::{Seen, World, idle, log, ms};

/// What the wall clock shows, in milliseconds since the beginning of the run.
fn wall_ms() -> i128 {
    let shown = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i128::try_from(shown.as_millis()).unwrap() - 1_767_225_600_000
}

/// `b` logs every 100 ms of true time what its clocks show.
fn watched(fault: Fault) -> Vec<(i128, u128)> {
    let seen = World::new()
        .host("b", || async {
            let begun = Instant::now();
            for at in 1..=15 {
                squall_os::sim::sleep_until(at * 100_000_000).await;
                log(&format!("{} {}", wall_ms(), begun.elapsed().as_millis()));
            }
            std::future::pending().await
        })
        .plan(|plan| plan.lasts(ms(1_600)).fault(fault))
        .completes(1);
    assert!(seen.affected()[0] > 0);
    let shown = seen.said("b").into_iter().map(|line| {
        let (wall, monotonic) = line.split_once(' ').unwrap();
        (wall.parse().unwrap(), monotonic.parse().unwrap())
    });
    shown.collect()
}

#[test]
fn a_wall_clock_that_jumps_is_off_at_once_and_right_at_once() {
    for by in [3_600_000, -250] {
        let fault = clock_jump("b", by).from(ms(350)).until(ms(850));
        for ((wall, monotonic), at) in watched(fault).into_iter().zip((1..).map(|at| at * 100)) {
            let off = if (350..850).contains(&at) { i128::from(by) } else { 0 };
            assert_eq!((wall, monotonic), (at + off, at.unsigned_abs()), "at {at}");
        }
    }
}

#[test]
fn a_wall_clock_that_is_skewed_gets_there_and_back_without_a_step() {
    for by in [100, -100] {
        let fault = clock_skew("b", by).from(ms(300)).until(ms(800));
        let expected = [0, 0, 0, 50, 100, 100, 100, 100, 50, 0, 0];
        for (((wall, monotonic), off), at) in
            watched(fault).into_iter().zip(expected).zip((1..).map(|at| at * 100))
        {
            let off = off * i128::from(by.signum());
            assert_eq!((wall, monotonic), (at + off, at.unsigned_abs()), "at {at}");
        }
    }
}

/// `b` logs whenever a timer of 100 ms has fired.
fn ticked(fault: Fault) -> Seen {
    World::new()
        .host("b", || async {
            loop {
                let begun = Instant::now();
                sleep(ms(100)).await;
                log(&format!("{:?}", begun.elapsed()));
            }
        })
        .plan(|plan| plan.lasts(ms(1_600)).fault(fault))
        .completes(1)
}

fn times(seen: &Seen) -> Vec<Duration> {
    seen.facts().iter().map(|(at, _, _)| *at).collect()
}

#[test]
fn timers_of_a_clock_that_drifts_fire_early_or_late_and_notice_nothing() {
    let fast = ticked(clock_drift("b", 1.0).from(ms(350)).until(ms(700)));
    // Half of 400 ms is left at the injection, and half a tick at the heal.
    let expected = [100, 200, 300, 375, 425, 475, 525, 575, 625, 675, 750, 850, 950, 1_050];
    assert_eq!(times(&fast)[..14], expected.map(ms));
    let slow = ticked(clock_drift("b", -0.5).from(ms(350)).until(ms(700)));
    let expected = [100, 200, 300, 450, 650, 775, 875, 975];
    assert_eq!(times(&slow)[..8], expected.map(ms));
    for seen in [&fast, &slow] {
        assert!(seen.said("b").iter().all(|took| took == "100ms"), "{:?}", seen.facts());
        assert!(seen.affected()[0] > 0);
    }
}

#[test]
fn a_drift_that_does_not_divide_evenly_is_exact_to_the_nanosecond() {
    let seen = World::new()
        .host("b", || async {
            let mut ticks = tokio::time::interval(ms(100));
            ticks.tick().await;
            loop {
                ticks.tick().await;
                log("tick");
            }
        })
        .plan(|plan| {
            plan.lasts(ms(1_800)).fault(clock_drift("b", 0.5).from(ms(300)).until(ms(1_500)))
        })
        .completes(1);
    let found = times(&seen);
    assert_eq!(found.len(), 25);
    for (at, tick) in found.iter().zip(1_u64..) {
        let expected = match tick {
            ..=3 => ms(tick * 100),
            4..=21 => ms(300) + Duration::from_nanos(((tick - 3) * 200_000_000).div_ceil(3)),
            _ => ms(1_500 + (tick - 21) * 100),
        };
        assert_eq!(*at, expected, "tick {tick}");
    }
}

#[test]
fn after_a_drift_the_wall_clock_is_right_again() {
    let shown = watched(clock_drift("b", 0.5).from(ms(300)).until(ms(700)));
    assert_eq!(shown[4], (600, 600), "at 500 ms");
    assert_eq!(shown[9], (1_000, 1_200), "at 1000 ms");
}

#[test]
fn a_thread_that_sleeps_and_a_process_that_starts_go_by_the_clock_of_their_host() {
    let seen = World::new()
        .host("b", || async {
            log("started");
            sleep(ms(100)).await;
            std::thread::sleep(ms(100));
            log("slept");
            fs::write("/file", b"x").await?;
            let modified = fs::metadata("/file").await?.modified()?;
            let early = SystemTime::now().duration_since(modified);
            log(&format!("young: {}", early.is_ok_and(|age| age < ms(1))));
            std::future::pending().await
        })
        .host("a", idle)
        .plan(|plan| {
            plan.lasts(ms(1_600))
                .fault(clock_drift("b", 1.0).from(ms(350)).until(ms(1_100)))
                .fault(crash("b").from(ms(500)).until(ms(600)))
        })
        .completes(1);
    let facts: Vec<(Duration, String)> =
        seen.facts().into_iter().map(|(at, _, text)| (at, text)).collect();
    let found: Vec<(u128, &str)> =
        facts.iter().map(|(at, text)| (at.as_millis(), text.as_str())).collect();
    assert_eq!(
        found,
        [
            (0, "started"),
            (200, "slept"),
            (200, "young: true"),
            (600, "started"),
            (700, "slept"),
            (700, "young: true")
        ]
    );
}

#[test]
fn no_clock_runs_backwards_when_it_begins_to_drift_while_a_thread_sleeps() {
    let seen = World::new()
        .host("b", || async {
            sleep(ms(300)).await;
            let mut before = Instant::now();
            for _ in 0..4 {
                std::thread::sleep(ms(100));
                let now = Instant::now();
                log(&format!("{:?}", now.checked_duration_since(before)));
                before = now;
            }
            std::future::pending().await
        })
        .plan(|plan| plan.fault(clock_drift("b", -0.5).from(ms(350)).until(ms(900))))
        .completes(1);
    assert_eq!(seen.said("b"), ["Some(100ms)"; 4]);
    assert_eq!(seen.at("Some(100ms)"), ms(400));
}

#[test]
fn a_clock_that_nobody_reads_was_not_off() {
    let fault = clock_jump("b", 1_000).from(ms(350)).until(ms(850));
    let seen = World::new().host("b", idle).plan(|plan| plan.fault(fault)).completes(1);
    assert_eq!(seen.affected(), [0]);
}
