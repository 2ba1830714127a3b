//! Clocks that are off, and instants at which they show something.

use super::Clock;

const MS: u64 = 1_000_000;

#[test]
fn a_clock_that_is_right_shows_virtual_time() {
    let clock = Clock::RIGHT;
    for now in [0, 1, 17, 5_000 * MS + 3] {
        assert_eq!((clock.monotonic(now), clock.wall(now)), (now, now.cast_signed()));
        assert_eq!(clock.when(now), now);
    }
}

#[test]
fn a_clock_that_drifts_shows_a_time_at_the_first_instant_at_which_it_does() {
    for factor in [0.5, 0.999, 1.0001, 1.5, 2.0] {
        let mut clock = Clock::RIGHT;
        clock.run_at(factor, 10 * MS);
        for shown in [10 * MS, 10 * MS + 1, 11 * MS, 1_234_567_891] {
            let when = clock.when(shown);
            assert!(clock.monotonic(when) >= shown, "{factor} {shown}");
            assert!(when == 10 * MS || clock.monotonic(when - 1) < shown, "{factor} {shown}");
        }
    }
}

#[test]
fn after_a_drift_the_wall_clock_is_right_and_the_monotonic_one_goes_on_from_where_it_is() {
    let mut clock = Clock::RIGHT;
    clock.run_at(1.5, 100 * MS);
    assert_eq!(clock.wall(300 * MS), (400 * MS).cast_signed());
    clock.run_at(1.0, 300 * MS);
    clock.correct(300 * MS);
    assert_eq!(clock.wall(301 * MS), (301 * MS).cast_signed());
    assert_eq!(clock.monotonic(301 * MS), 401 * MS);
    clock.run_at(0.5, 400 * MS);
    clock.run_at(1.0, 600 * MS);
    clock.correct(600 * MS);
    assert_eq!(clock.wall(700 * MS), (700 * MS).cast_signed());
    assert_eq!(clock.monotonic(700 * MS), 700 * MS);
}

#[test]
fn a_clock_that_is_slewed_never_steps() {
    for by in [-30, 30] {
        let by = by * MS.cast_signed();
        let mut clock = Clock::RIGHT;
        clock.slew(by, 100 * MS);
        let walls: Vec<i64> = (100..300).map(|at| clock.wall(at * MS)).collect();
        for pair in walls.windows(2) {
            let passed = pair[1] - pair[0];
            assert!((500_000..=1_500_000).contains(&passed), "{passed}");
        }
        assert_eq!(clock.wall(160 * MS), (160 * MS).cast_signed() + by, "twice as long as it is");
        clock.slew(-by, 200 * MS);
        assert_eq!(clock.wall(260 * MS), (260 * MS).cast_signed());
    }
}

#[test]
fn a_clock_that_jumps_steps_and_steps_back() {
    let mut clock = Clock::RIGHT;
    clock.step(-5, 100);
    assert_eq!((clock.wall(100), clock.monotonic(100)), (95, 100));
    clock.step(5, 200);
    assert_eq!(clock, Clock { since: 200, monotonic: 200, ..Clock::RIGHT });
}
