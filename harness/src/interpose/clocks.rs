//! What the clocks of a host show, and how virtual time passes for the code of a run.

mod clock;
mod now;

pub(crate) use clock::Clock;
pub(crate) use now::{
    MONOTONIC_START_NS, REALTIME_START_NS, Readings, advance_to, begin, end, move_to, now,
    read_clock_of, read_wall_clock_of_run, resume, set_now, take_wrong_readings, use_clock,
    wall_clock, when_over,
};
