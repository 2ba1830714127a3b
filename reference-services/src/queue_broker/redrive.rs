//! Dead letters that become jobs again by themselves: those who failed because something was down
//! need nobody to say so when it is up again.
//!
//! Each waits for a while, is replayed at a bounded rate, and not for ever: what always fails stays a
//! dead letter after a few times.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{config::RedriveConfig, record::Job};

/// When which dead letter is replayed.
#[derive(Debug)]
pub(super) struct Redrive {
    config: RedriveConfig,
    due: BTreeSet<(Instant, String)>,
    /// No other one is replayed before this.
    not_before: Instant,
}

impl Redrive {
    /// Of all dead letters that there are.
    pub(super) fn of<'a>(
        config: &RedriveConfig,
        dead: impl Iterator<Item = &'a Job>,
        now: Instant,
    ) -> Self {
        let mut redrive = Self { config: config.clone(), due: BTreeSet::new(), not_before: now };
        dead.for_each(|job| redrive.enter(job, now));
        redrive
    }

    /// A job is a dead letter.
    pub(super) fn enter(&mut self, job: &Job, now: Instant) {
        let after = Duration::from_millis(self.config.after_ms);
        if !after.is_zero() && job.redriven < self.config.times_max {
            self.due.insert((now + job.left(after), job.id.clone()));
        }
    }

    /// Is it time for this dead letter?
    pub(super) fn is_due(&self, job: &Job) -> bool {
        let after = Duration::from_millis(self.config.after_ms);
        job.redriven < self.config.times_max && job.left(after).is_zero()
    }

    /// It is not replayed now after all.
    pub(super) fn put_off(&mut self, id: String, until: Instant) {
        self.due.insert((until, id));
    }

    /// The dead letter that is replayed now, if any. It may have been replayed by somebody else.
    pub(super) fn take(&mut self, now: Instant) -> Option<String> {
        if self.next()? > now {
            return None;
        }
        self.not_before = now + Duration::from_secs(1) / self.config.per_second.max(1);
        self.due.pop_first().map(|(_, id)| id)
    }

    /// When there is one.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| (*due).max(self.not_before))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::since_1970, *};

    /// A dead letter since so many milliseconds.
    fn dead(id: &str, redriven: u32, for_ms: u64) -> Job {
        let now_ms = u64::try_from(since_1970().as_millis()).expect("not so far");
        let at_unix_ms = now_ms - for_ms;
        Job { id: id.to_owned(), dead: true, redriven, at_unix_ms, ..Job::default() }
    }

    #[test]
    fn dead_letters_come_back_in_time_one_after_the_other_and_not_for_ever() {
        let now = Instant::now();
        let config = RedriveConfig { after_ms: 60_000, times_max: 2, per_second: 10 };
        let mut redrive = Redrive::of(&config, [].iter(), now);
        for (id, redriven, for_ms) in [("b", 1, 1_000), ("a", 0, 2_000), ("c", 2, 3_000)] {
            redrive.enter(&dead(id, redriven, for_ms), now);
        }
        assert_eq!(redrive.take(now + Duration::from_secs(57)), None);
        let then = now + Duration::from_secs(61);
        assert_eq!(redrive.take(then).as_deref(), Some("a"));
        assert_eq!(redrive.take(then), None, "ten a second");
        assert_eq!(redrive.next(), Some(then + Duration::from_millis(100)));
        let next = then + Duration::from_millis(100);
        assert_eq!(redrive.take(next).as_deref(), Some("b"));
        redrive.put_off("b".to_owned(), next + Duration::from_secs(1));
        assert_eq!(redrive.next(), Some(next + Duration::from_secs(1)));
        assert_eq!(redrive.take(next + Duration::from_secs(1)).as_deref(), Some("b"));
        assert_eq!(redrive.next(), None, "the third has had its times");
    }

    #[test]
    fn one_that_was_replayed_and_is_dead_again_waits_anew() {
        let config = RedriveConfig { after_ms: 5_000, times_max: 2, per_second: 10 };
        let redrive = Redrive::of(&config, [].iter(), Instant::now());
        assert!(redrive.is_due(&dead("a", 0, 6_000)));
        assert!(!redrive.is_due(&dead("a", 0, 4_000)), "it is dead since then only");
        assert!(!redrive.is_due(&dead("a", 2, 6_000)), "it has had its times");
    }

    #[test]
    fn without_a_time_there_is_no_policy() {
        let now = Instant::now();
        let mut redrive = Redrive::of(&RedriveConfig::default(), [].iter(), now);
        redrive.enter(&dead("a", 0, 0), now);
        assert_eq!(redrive.next(), None);
    }
}
