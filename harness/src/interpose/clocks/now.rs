//! Virtual time of the code that runs now, as its clocks show it.

use std::{
    cell::Cell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use libc::{clockid_t, timespec};

use super::clock::Clock;

/// What the monotonic clock shows when a run begins: whole seconds, so that Tokio's
/// millisecond ticks fall on whole milliseconds of the run.
pub(crate) const MONOTONIC_START_NS: u64 = 1_000_000 * 1_000_000_000;

/// What the wall clock shows when a run begins: 2026-01-01T00:00:00Z.
pub(crate) const REALTIME_START_NS: u64 = 1_767_225_600 * 1_000_000_000;

/// From this many clock readings without a pause on, each one takes [`SPIN_STEP_NS`], so that a
/// service that spins on the clock comes to an end.
const SPIN_READINGS: u32 = 1_000_000;
const SPIN_STEP_NS: u64 = 1_000_000;

thread_local! {
    static WALL_CLOCK: Cell<bool> = const { Cell::new(true) };
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
    static READINGS: Cell<u32> = const { Cell::new(0) };
    /// The clocks of the code that runs now.
    static CLOCK: Cell<Clock> = const { Cell::new(Clock::RIGHT) };
    static WRONG: Cell<Readings> = const { Cell::new(Readings { wall: 0, monotonic: 0 }) };
}

/// Virtual time of the code that runs now, in nanoseconds since the run began.
pub(crate) fn now() -> u64 {
    NOW_NS.get()
}

/// How often clocks were read that were off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readings {
    /// Of the wall clock, when it did not show the right time.
    pub(crate) wall: u64,
    /// Of the monotonic clock, when its speed had put it off.
    pub(crate) monotonic: u64,
}

/// Lets the code of this thread see these clocks until the guard is dropped.
pub(crate) fn use_clock(clock: Clock) -> ClockInUse {
    ClockInUse(CLOCK.replace(clock))
}

/// The guard of [`use_clock`].
#[must_use = "the clock is in use only while the guard lives"]
pub(crate) struct ClockInUse(Clock);

impl Drop for ClockInUse {
    fn drop(&mut self) {
        CLOCK.set(self.0);
    }
}

/// How often clocks were read that were off, since this was last asked.
pub(crate) fn take_wrong_readings() -> Readings {
    WRONG.take()
}

/// Begins a run at virtual time zero. The wall clock shows virtual time, or is left alone.
pub(crate) fn begin(wall_clock: bool) {
    WALL_CLOCK.set(wall_clock);
    NOW_NS.set(0);
}

/// The run is over.
pub(crate) fn end() {
    WRONG.take();
}

/// Sets virtual time.
pub(crate) fn move_to(now: u64) {
    NOW_NS.set(now);
}

/// Virtual time passes until then, unless it has already.
pub(crate) fn advance_to(time: u64) {
    NOW_NS.set(NOW_NS.get().max(time));
}

/// A thread moves again, with these clocks.
pub(crate) fn resume(now: u64, clock: Clock) {
    set_now(now);
    CLOCK.set(clock);
}

/// Sets virtual time, and forgives the clock readings so far.
pub(crate) fn set_now(now: u64) {
    NOW_NS.set(now);
    READINGS.set(0);
}

/// What the wall clock in use shows at `at`.
pub(crate) fn wall_clock(at: u64) -> SystemTime {
    let shown = REALTIME_START_NS.saturating_add_signed(CLOCK.get().wall(at));
    UNIX_EPOCH + Duration::from_nanos(shown)
}

fn read_clock() -> u64 {
    let readings = READINGS.get().saturating_add(1);
    READINGS.set(readings);
    if readings > SPIN_READINGS {
        NOW_NS.set(NOW_NS.get() + SPIN_STEP_NS);
    }
    NOW_NS.get()
}

fn read_wall_clock() -> u64 {
    let now = read_clock();
    let shown = CLOCK.get().wall(now);
    if shown != now.cast_signed() {
        let wrong = WRONG.get();
        WRONG.set(Readings { wall: wrong.wall + 1, ..wrong });
    }
    REALTIME_START_NS.saturating_add_signed(shown)
}

fn read_monotonic_clock() -> u64 {
    let (now, clock) = (read_clock(), CLOCK.get());
    if clock.has_drifted(now) {
        let wrong = WRONG.get();
        WRONG.set(Readings { monotonic: wrong.monotonic + 1, ..wrong });
    }
    MONOTONIC_START_NS + clock.monotonic(now)
}

/// What the wall clock shows in the simulation; `None` if it is left alone.
pub(crate) fn read_wall_clock_of_run() -> Option<u64> {
    WALL_CLOCK.get().then(read_wall_clock)
}

/// What a clock shows in the simulation; `None` for a clock that is left alone.
pub(crate) fn read_clock_of(clock: clockid_t) -> Option<u64> {
    match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => {
            read_wall_clock_of_run()
        }
        _ => Some(read_monotonic_clock()),
    }
}

/// When a time of C is over, in nanoseconds since the run began: one that is counted from now on, or
/// what a clock shows then.
pub(crate) fn when_over(time: timespec, of: Option<clockid_t>) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let asked = seconds.saturating_mul(1_000_000_000) + u64::try_from(time.tv_nsec).unwrap_or(0);
    let (now, clock) = (NOW_NS.get(), CLOCK.get());
    let shown = clock.monotonic(now);
    let until = match of {
        None => clock.when(shown.saturating_add(asked)),
        Some(of) => {
            let epoch = match of {
                // What the wall clock showed when the monotonic one began.
                libc::CLOCK_REALTIME => {
                    REALTIME_START_NS.saturating_add_signed(clock.wall(now) - shown.cast_signed())
                }
                _ => MONOTONIC_START_NS,
            };
            clock.when(asked.saturating_sub(epoch))
        }
    };
    until.max(now)
}
