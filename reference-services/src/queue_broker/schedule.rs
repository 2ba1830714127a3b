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
///
/// Those with a key are in the lane of that key, in the order in which they came, and only the first
/// of a lane is ready, waits or is leased. So jobs with a key are done one after the other, and none
/// passes one that is tried again. One that becomes a dead letter leaves its lane.
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
    lanes: BTreeMap<String, VecDeque<Queued>>,
    /// The key of each job that has one.
    keys: BTreeMap<String, String>,
    /// Jobs that wait for another one of their key.
    behind: usize,
    /// Defect: a job that is put back gives way to the next one of its key.
    pub(super) overtaking: bool,
}

/// A job in a lane, and from when on it can be taken.
#[derive(Debug)]
struct Queued {
    id: String,
    from: Instant,
}

/// A lease.
#[derive(Clone, Debug)]
struct Held {
    token: u64,
    until: Instant,
}

impl Schedule {
    /// A job is there and can be taken from `from` on, or when it is the first of its key, if it has
    /// one.
    pub(super) fn enter(&mut self, id: String, key: &str, now: Instant, from: Instant) {
        self.since.insert(self.next_number, now);
        self.numbers.insert(id.clone(), self.next_number);
        self.next_number += 1;
        if !key.is_empty() {
            self.keys.insert(id.clone(), key.to_owned());
            let lane = self.lanes.entry(key.to_owned()).or_default();
            lane.push_back(Queued { id: id.clone(), from });
            if lane.len() > 1 {
                self.behind += 1;
                return;
            }
        }
        self.release(id, now, from);
    }

    /// A job can be taken from `from` on.
    fn release(&mut self, id: String, now: Instant, from: Instant) {
        if from > now {
            self.waiting.insert((from, id));
        } else {
            self.ready.push_back(id);
        }
    }

    /// The next job with this key can be taken.
    fn release_next(&mut self, key: &str) {
        let Some(next) = self.lanes.get(key).and_then(VecDeque::front) else { return };
        let (id, from) = (next.id.clone(), next.from);
        self.behind -= 1;
        // A pause that is over ends at the next look at the clock.
        self.waiting.insert((from, id));
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
        if self.overtaking && self.give_way(id, from) {
            return;
        }
        match from {
            Some(from) => {
                self.waiting.insert((from, id.to_owned()));
            }
            None => self.ready.push_front(id.to_owned()),
        }
    }

    /// Defect: puts a job behind all others of its key. Says whether there are any.
    fn give_way(&mut self, id: &str, from: Option<Instant>) -> bool {
        let (Some(from), Some(key)) = (from, self.keys.get(id).cloned()) else { return false };
        let Some(lane) = self.lanes.get_mut(&key).filter(|lane| lane.len() > 1) else {
            return false;
        };
        lane.pop_front();
        lane.push_back(Queued { id: id.to_owned(), from });
        self.behind += 1;
        self.release_next(&key);
        true
    }

    /// The job is done or dead.
    pub(super) fn remove(&mut self, id: &str) {
        self.end_lease(id);
        if let Some(number) = self.numbers.remove(id) {
            self.since.remove(&number);
        }
        let Some(key) = self.keys.remove(id) else { return };
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let was_first = lane.front().is_some_and(|first| first.id == id);
        let before = lane.len();
        lane.retain(|queued| queued.id != id);
        if lane.is_empty() {
            self.lanes.remove(&key);
        } else if was_first {
            self.release_next(&key);
        } else {
            self.behind -= before - self.lanes.get(&key).map_or(0, VecDeque::len);
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

    /// Jobs that are ready, or wait for their next attempt or for another one of their key.
    pub(super) fn queued(&self) -> usize {
        self.ready.len() + self.waiting.len() + self.behind
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
        schedule.enter("a".to_owned(), "", begin, begin);
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
        schedule.enter("a".to_owned(), "", begin, begin);
        schedule.enter("b".to_owned(), "", begin + ms(5), begin);
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
        schedule.enter("a".to_owned(), "", begin, begin);
        schedule.enter("b".to_owned(), "", begin, begin + ms(50));
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
            schedule.enter(id.to_owned(), "", begin, begin);
        }
        schedule.lease(1, begin + ms(1000));
        schedule.put_back("a", None);
        assert_eq!(schedule.lease(2, begin + ms(1000)).as_deref(), Some("a"));
    }

    #[test]
    fn jobs_with_a_key_come_one_after_the_other() {
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        for (id, key) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("free", ""), ("a3", "a")] {
            schedule.enter(id.to_owned(), key, begin, begin);
        }
        let lease = |schedule: &mut Schedule, at: Instant| {
            schedule.advance(at);
            schedule.lease(1, at + ms(1000))
        };
        assert_eq!((schedule.ready(), schedule.queued()), (3, 5));
        for id in ["a1", "b1", "free"] {
            assert_eq!(lease(&mut schedule, begin).as_deref(), Some(id));
        }
        assert_eq!(lease(&mut schedule, begin), None, "a1 is in work");
        // It is tried again: nobody passes it.
        schedule.put_back("a1", Some(begin + ms(50)));
        assert_eq!(lease(&mut schedule, begin + ms(49)), None);
        assert_eq!(lease(&mut schedule, begin + ms(50)).as_deref(), Some("a1"));
        // Its lease ends by itself.
        let expired = schedule.advance(begin + ms(1050));
        assert!(expired.iter().any(|(id, _)| id == "a1"), "{expired:?}");
        schedule.put_back("a1", None);
        assert_eq!(lease(&mut schedule, begin + ms(1050)).as_deref(), Some("a1"));
        schedule.remove("a1");
        assert_eq!(lease(&mut schedule, begin + ms(1050)).as_deref(), Some("a2"));
        // One that is done while it waits for another one.
        schedule.remove("a3");
        schedule.remove("a2");
        assert_eq!(lease(&mut schedule, begin + ms(1050)), None);
        assert_eq!(schedule.queued(), 0);
    }

    #[test]
    fn a_job_that_overtakes_is_the_defect() {
        let begin = Instant::now();
        let mut schedule = Schedule { overtaking: true, ..Schedule::default() };
        for id in ["a1", "a2"] {
            schedule.enter(id.to_owned(), "a", begin, begin);
        }
        assert_eq!(schedule.lease(1, begin + ms(1000)).as_deref(), Some("a1"));
        schedule.put_back("a1", Some(begin + ms(50)));
        schedule.advance(begin);
        assert_eq!(schedule.lease(2, begin + ms(1000)).as_deref(), Some("a2"));
        assert_eq!(schedule.queued(), 1);
    }
}
