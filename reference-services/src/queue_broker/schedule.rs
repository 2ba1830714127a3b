//! Which job is whose, and which one is next: what of the broker does not survive its process.
//!
//! All times are of this process's monotonic clock. Who takes a job is told for how long, never
//! until when, and measures that by a monotonic clock of its own. So no wall clock, of a worker
//! or of the broker, can make a lease longer or shorter, whether it is wrong or jumps. After a
//! restart nobody has a lease: every job is handed out again, and what comes late from before is
//! refused because its token is of no lease.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::time::Instant;

/// The jobs that are not done, each in one place.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    ready: VecDeque<String>,
    waiting: BTreeSet<(Instant, String)>,
    leases: BTreeMap<String, Held>,
    expiries: BTreeSet<(Instant, String)>,
    /// When each job came, by the order of their coming.
    since: BTreeMap<u64, Instant>,
    numbers: BTreeMap<String, u64>,
    next_number: u64,
}

/// A lease.
#[derive(Clone, Debug)]
struct Held {
    token: u64,
    until: Instant,
}

impl Schedule {
    /// A job is there and can be taken.
    pub(super) fn enter(&mut self, id: String, now: Instant) {
        self.since.insert(self.next_number, now);
        self.numbers.insert(id.clone(), self.next_number);
        self.next_number += 1;
        self.ready.push_back(id);
    }

    /// A job is there and can be taken from `from` on.
    pub(super) fn enter_later(&mut self, id: String, now: Instant, from: Instant) {
        self.enter(id, now);
        if let Some(id) = self.ready.pop_back() {
            self.waiting.insert((from, id));
        }
    }

    /// Hands out the job that has been ready for longest, under a lease.
    pub(super) fn lease(&mut self, token: u64, until: Instant) -> Option<String> {
        let id = self.ready.pop_front()?;
        self.leases.insert(id.clone(), Held { token, until });
        self.expiries.insert((until, id.clone()));
        Some(id)
    }

    /// Is this the lease that the job is under, and has it not expired?
    pub(super) fn holds(&self, id: &str, token: u64, now: Instant) -> bool {
        self.leases.get(id).is_some_and(|held| held.token == token && held.until > now)
    }

    /// Lets a lease last longer.
    pub(super) fn extend(&mut self, id: &str, until: Instant) {
        if let Some(held) = self.leases.get_mut(id) {
            self.expiries.remove(&(held.until, id.to_owned()));
            held.until = until;
            self.expiries.insert((until, id.to_owned()));
        }
    }

    /// Ends a lease; the job can be taken from `from` on, or before any other if that is `None`.
    pub(super) fn put_back(&mut self, id: &str, from: Option<Instant>) {
        self.end_lease(id);
        match from {
            Some(from) => {
                self.waiting.insert((from, id.to_owned()));
            }
            None => self.ready.push_front(id.to_owned()),
        }
    }

    /// The job is done or dead.
    pub(super) fn remove(&mut self, id: &str) {
        self.end_lease(id);
        if let Some(number) = self.numbers.remove(id) {
            self.since.remove(&number);
        }
    }

    fn end_lease(&mut self, id: &str) {
        if let Some(held) = self.leases.remove(id) {
            self.expiries.remove(&(held.until, id.to_owned()));
        }
    }

    /// Lets leases expire and pauses end; returns the jobs whose lease has expired, with its token.
    /// They are nowhere until they are [put back](Self::put_back) or [removed](Self::remove).
    pub(super) fn advance(&mut self, now: Instant) -> Vec<(String, u64)> {
        while let Some((from, _)) = self.waiting.first()
            && *from <= now
            && let Some((_, id)) = self.waiting.pop_first()
        {
            self.ready.push_back(id);
        }
        let mut expired = Vec::new();
        while let Some((until, _)) = self.expiries.first()
            && *until <= now
            && let Some((_, id)) = self.expiries.pop_first()
        {
            let Some(Held { token, .. }) = self.leases.remove(&id) else { continue };
            expired.push((id, token));
        }
        expired
    }

    /// When [`advance`](Self::advance) has something to do next.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self.waiting.first().map(|(from, _)| *from);
        let expiry = self.expiries.first().map(|(until, _)| *until);
        waiting.into_iter().chain(expiry).min()
    }

    /// Jobs that can be taken now.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Jobs that wait for their next attempt.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Jobs under a lease.
    pub(super) fn leased(&self) -> usize {
        self.leases.len()
    }

    /// Since when the oldest job has been there, or since the restart.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.since.first_key_value().map(|(_, since)| *since)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_lease_is_the_holders_until_it_expires() {
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        schedule.enter("a".to_owned(), begin);
        assert_eq!(schedule.lease(7, begin + ms(100)).as_deref(), Some("a"));
        assert_eq!(schedule.lease(8, begin + ms(100)), None);
        assert!(schedule.holds("a", 7, begin + ms(99)));
        assert!(!schedule.holds("a", 8, begin + ms(99)), "another token");
        assert!(!schedule.holds("a", 7, begin + ms(100)), "expired, though nobody looked");
        schedule.extend("a", begin + ms(200));
        assert!(schedule.advance(begin + ms(150)).is_empty());
        assert_eq!(schedule.advance(begin + ms(200)), [("a".to_owned(), 7)]);
        assert!(!schedule.holds("a", 7, begin + ms(200)));
        assert_eq!((schedule.ready(), schedule.leased()), (0, 0));
        schedule.put_back("a", None);
        assert_eq!((schedule.ready(), schedule.leased()), (1, 0));
    }

    #[test]
    fn a_job_that_is_put_back_waits_without_a_lease() {
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        schedule.enter("a".to_owned(), begin);
        schedule.enter("b".to_owned(), begin + ms(5));
        assert_eq!(schedule.lease(1, begin + ms(1000)).as_deref(), Some("a"));
        schedule.put_back("a", Some(begin + ms(50)));
        assert_eq!((schedule.ready(), schedule.waiting(), schedule.leased()), (1, 1, 0));
        assert_eq!(schedule.next(), Some(begin + ms(50)));
        schedule.advance(begin + ms(49));
        assert_eq!(schedule.lease(2, begin + ms(1000)).as_deref(), Some("b"));
        assert_eq!(schedule.lease(3, begin + ms(1000)), None);
        schedule.advance(begin + ms(50));
        assert_eq!(schedule.lease(4, begin + ms(1000)).as_deref(), Some("a"));
        assert_eq!(schedule.oldest(), Some(begin));
        schedule.remove("a");
        assert_eq!(schedule.oldest(), Some(begin + ms(5)));
    }

    #[test]
    fn a_job_that_comes_later_waits_from_the_beginning() {
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        schedule.enter("a".to_owned(), begin);
        schedule.enter_later("b".to_owned(), begin, begin + ms(50));
        assert_eq!((schedule.ready(), schedule.waiting()), (1, 1));
        assert_eq!(schedule.next(), Some(begin + ms(50)));
        schedule.advance(begin + ms(50));
        assert_eq!((schedule.ready(), schedule.waiting()), (2, 0));
    }

    #[test]
    fn what_is_handed_back_comes_first() {
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        for id in ["a", "b"] {
            schedule.enter(id.to_owned(), begin);
        }
        schedule.lease(1, begin + ms(1000));
        schedule.put_back("a", None);
        assert_eq!(schedule.lease(2, begin + ms(1000)).as_deref(), Some("a"));
    }
}
