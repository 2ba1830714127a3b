//! When a container that ended is started again.

use std::time::Duration;

use crate::plan::nanos;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

/// A container that ran for so long starts anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// The back-off of one container (`CrashLoopBackOff`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BackOff {
    /// The pause before the last start; `None` if it was at once.
    last: Option<Duration>,
    ended: bool,
}

impl BackOff {
    /// The pause before the next start of a container that ran for `ran` nanoseconds: none the
    /// first time, then 10 s, doubled each time, at most 300 s; all of it forgotten once a
    /// container has run for ten minutes.
    pub(crate) fn after(&mut self, ran: u64) -> Duration {
        if ran >= nanos(FORGOTTEN_AFTER) {
            *self = Self::default();
        }
        if !self.ended {
            self.ended = true;
            return Duration::ZERO;
        }
        let pause = self.last.map_or(FIRST, |last| last.saturating_mul(2).min(LONGEST));
        self.last = Some(pause);
        pause
    }
}
