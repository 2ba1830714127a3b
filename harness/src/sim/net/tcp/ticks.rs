//! When timers of Linux fire: at ticks, and those for later at coarser steps.

use super::{Nanos, SECOND};

/// The ticks of a kernel, `CONFIG_HZ` of them in a second, and how its timer wheel rounds
/// (`calc_wheel_index`): up to 63 ticks ahead to the next tick, and eight times as coarse for each
/// eight times as far. So timers are late by up to an eighth of what they wait, and never early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    tick: Nanos,
    /// By how much the ticks of this kernel are off the seconds of the run.
    phase: Nanos,
}

/// `LVL_SIZE - 1`, and `LVL_CLK_SHIFT` for each of the levels of the wheel.
const FINE: u64 = 63;
const SHIFT: u32 = 3;
const LEVELS: u32 = 9;

impl Ticks {
    /// `draw` is random.
    pub(crate) fn new(hz: u32, draw: u64) -> Self {
        let tick = SECOND / u64::from(hz).max(1);
        Self { tick, phase: draw % tick }
    }

    /// A time in whole ticks (`usecs_to_jiffies`).
    pub(crate) fn whole(self, time: Nanos) -> Nanos {
        time.next_multiple_of(self.tick)
    }

    /// When a timer fires that is set at `now` for `at`.
    pub(crate) fn fires(self, now: Nanos, at: Nanos) -> Nanos {
        let wait = at.saturating_sub(now).max(1).div_ceil(self.tick);
        let expires = (now + self.phase) / self.tick + wait;
        let level = (1..LEVELS).take_while(|level| wait >= FINE << ((level - 1) * SHIFT)).count();
        let shift = u32::try_from(level).unwrap_or(LEVELS) * SHIFT;
        let bucket = ((expires >> shift) + 1) << shift;
        bucket * self.tick - self.phase
    }
}

#[cfg(test)]
mod tests {
    use super::Ticks;

    const MS: u64 = 1_000_000;

    #[test]
    fn timers_are_late_by_a_tick_or_an_eighth_and_never_early() {
        for phase in [0, 1, 1_234_567, 3_999_999] {
            let ticks = Ticks::new(250, phase);
            for wait in [1, 40, 200, 210, 251, 252, 500, 1_000, 1_999, 2_016, 16_000, 120_000] {
                for now in [0, 7 * MS, 1_000 * MS + 1, 77_777_777_777] {
                    let late = ticks.fires(now, now + wait * MS) - now - wait * MS;
                    let step = match wait {
                        0..=248 => 4,
                        249..=2_012 => 32,
                        2_013..=16_124 => 256,
                        _ => 2_048,
                    };
                    assert!((1..=(step + 4) * MS).contains(&late), "{wait} at {now}: {late}");
                }
            }
        }
    }
}
