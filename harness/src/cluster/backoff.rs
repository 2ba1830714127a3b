//! When a container that ended is started again.

use std::time::Duration;

use crate::plan::nanos;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

/// A container that ran for so long starts again.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::BackOff;
    use crate::plan::nanos;

    #[test]
    fn the_pause_doubles_up_to_five_minutes_and_is_forgotten_after_ten() {
        // "Initial crash: Kubernetes attempts an immediate restart"; "an exponential backoff delay
        // (10s, 20s, 40s, ...), that is capped at 300 seconds (5 minutes). Once a container has
        // executed for 10 minutes without any problems, the kubelet resets the restart backoff
        // timer": https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
        let mut back_off = BackOff::default();
        let second = nanos(Duration::from_secs(1));
        let pauses: Vec<u64> = (0..8).map(|_| back_off.after(second).as_secs()).collect();
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(back_off.after(599 * second).as_secs(), 300);
        assert_eq!(back_off.after(600 * second).as_secs(), 0);
        assert_eq!(back_off.after(second).as_secs(), 10);
    }
}
