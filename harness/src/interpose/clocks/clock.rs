//! What the clocks of a host show at an instant of virtual time.
//!
//! A clock that is right shows virtual time. One that drifts runs faster or slower, and the
//! monotonic clock with it; the wall clock may be off by a time of its own besides. All of it is
//! linear between two faults, in whole nanoseconds, and can be turned around: which instant of
//! virtual time is it when the monotonic clock shows this?

/// What passes on a clock that is right in a second.
const RIGHT_SPEED: u64 = 1_000_000_000;

/// A clock that is slewed gains or loses one nanosecond in so many.
const SLEWED_ONE_IN: u64 = 2;

/// The clocks of one host. Times are nanoseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// When something was changed last.
    since: u64,
    /// What the monotonic clock showed then.
    monotonic: u64,
    /// What passes on it in a second.
    speed: u64,
    /// How far the wall clock was ahead of it then.
    ahead: i64,
    /// How far it is to be ahead, and comes to be without a step.
    aim: i64,
    /// How much of a drift that is over the wall clock was set right by.
    corrected: i64,
}

impl Clock {
    /// A clock that shows virtual time.
    pub(crate) const RIGHT: Self =
        Self { since: 0, monotonic: 0, speed: RIGHT_SPEED, ahead: 0, aim: 0, corrected: 0 };

    /// What the monotonic clock shows at `now`.
    pub(crate) fn monotonic(&self, now: u64) -> u64 {
        let passed = now.saturating_sub(self.since);
        self.monotonic + scale(passed, self.speed, RIGHT_SPEED, false)
    }

    /// How far the wall clock is ahead of the monotonic one at `now`.
    fn ahead(&self, now: u64) -> i64 {
        let most = signed(now.saturating_sub(self.since) / SLEWED_ONE_IN);
        self.ahead + (self.aim - self.ahead).clamp(-most, most)
    }

    /// What the wall clock shows at `now`, counted from where it began.
    pub(crate) fn wall(&self, now: u64) -> i64 {
        signed(self.monotonic(now)) + self.ahead(now)
    }

    /// When the monotonic clock shows `time`, or a little more.
    pub(crate) fn when(&self, time: u64) -> u64 {
        self.since + scale(time.saturating_sub(self.monotonic), RIGHT_SPEED, self.speed, true)
    }

    /// Has the monotonic clock gained or lost something by `now` since its speed was changed?
    pub(super) fn has_drifted(&self, now: u64) -> bool {
        self.monotonic(now) - self.monotonic != now.saturating_sub(self.since)
    }

    fn change(&mut self, now: u64) {
        (self.monotonic, self.ahead) = (self.monotonic(now), self.ahead(now));
        self.since = now;
    }

    /// The wall clock jumps.
    pub(crate) fn step(&mut self, by: i64, now: u64) {
        self.change(now);
        self.ahead += by;
        self.aim += by;
    }

    /// The wall clock runs faster or slower until it is off by so much more.
    pub(crate) fn slew(&mut self, by: i64, now: u64) {
        self.change(now);
        self.aim += by;
    }

    /// Both clocks run so many times as fast as they should.
    pub(crate) fn run_at(&mut self, factor: f64, now: u64) {
        self.change(now);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a checked factor, to a part in a thousand million"
        )]
        let speed = (RIGHT_SPEED as f64 * factor).round() as u64;
        self.speed = speed;
    }

    /// The wall clock is set right by what the monotonic one has drifted.
    pub(crate) fn correct(&mut self, now: u64) {
        self.change(now);
        let drifted = signed(self.monotonic) - signed(now);
        self.step(self.corrected - drifted, now);
        self.corrected = drifted;
    }
}

/// `time * up / down`, rounded up or down.
fn scale(time: u64, up: u64, down: u64, round_up: bool) -> u64 {
    if up == down {
        return time;
    }
    let (scaled, down) = (u128::from(time) * u128::from(up), u128::from(down));
    let scaled = if round_up { scaled.div_ceil(down) } else { scaled / down };
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
