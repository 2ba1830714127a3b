//! Whatever happens in whatever order: no accepted job is lost, and none is invented.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use proptest::prelude::*;
use tokio::time::Instant;

use super::{
    ledger::{Known, Ledger},
    record::{Change, Failed, Job},
    schedule::Schedule,
};
use crate::journal::{Access, Kept, State};

const FAILURES_MAX: usize = 3;
const EXPIRIES_MAX: u32 = 2;

/// Reached after a few changes, so that the journal is rewritten time and again.
const COMPACT_BYTES_MIN: u64 = 150;
const LEASE: Duration = Duration::from_millis(100);

/// What may happen. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Op {
    Accept(u8),
    Lease,
    Acknowledge(usize),
    Fail(usize),
    /// Time passes.
    Wait(u64),
    ReplayAll,
    /// The power fails while a batch with one more job is being written: so much of its frame is
    /// on the disk, and one bit of that may be wrong.
    Crash {
        written: prop::sample::Index,
        flip: Option<prop::sample::Index>,
    },
    /// The process dies and starts again.
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let crash = (any::<prop::sample::Index>(), any::<Option<prop::sample::Index>>());
    prop_oneof![
        4 => any::<u8>().prop_map(Op::Accept),
        4 => Just(Op::Lease),
        3 => any::<usize>().prop_map(Op::Acknowledge),
        3 => any::<usize>().prop_map(Op::Fail),
        2 => (0..150_u64).prop_map(Op::Wait),
        1 => Just(Op::ReplayAll),
        2 => crash.prop_map(|(written, flip)| Op::Crash { written, flip }),
        1 => Just(Op::Restart),
    ]
}

fn failed(id: &str) -> Failed {
    let (id, error) = (id.to_owned(), "no".to_owned());
    Failed { id, error, delay_ms: 50, counts: true, at_unix_ms: 1 }
}

#[tokio::test]
async fn a_journal_of_the_version_before_is_written_anew() {
    let folder = std::env::temp_dir().join(format!("{}-broker-before", std::process::id()));
    let path = folder.join("jobs.journal");
    let mut kept = open(&path).await;
    for id in ["a", "b"] {
        let job = Job { id: id.to_owned(), payload: "1".into(), ..Job::default() };
        kept.stage(Change::Job(Box::new(job)).into());
        kept.commit().await.expect("a good disk");
    }
    drop(kept);
    // The version is not in the checksums.
    let mut bytes = fs::read(&path).expect("the journal");
    bytes[7] = b'1';
    fs::write(&path, bytes).expect("written");
    let kept = open(&path).await;
    assert_eq!(kept.state.live_jobs().len(), 2);
    assert!(fs::read(&path).expect("the journal").starts_with(b"SQUALLJ2"));
    drop(kept);
    assert_eq!(open(&path).await.state.live_jobs().len(), 2);
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn counts_of_a_journal_go_no_further_than_their_types() {
    let mut ledger = Ledger::new(1);
    let id = || "a".to_owned();
    let (nth, expiries, redriven) = (u64::MAX, u32::MAX, u32::MAX);
    let job = Job { id: id(), dead: true, nth, expiries, redriven, ..Job::default() };
    ledger.apply(Change::Job(Box::new(job.clone())).into());
    assert_eq!(ledger.accepted(), u64::MAX);
    ledger.apply(Change::Redriven(id()).into());
    assert_eq!(ledger.live("a").map(|job| job.redriven), Some(u32::MAX));
    ledger.apply(Change::Job(Box::new(Job { dead: false, ..job })).into());
    ledger.apply(Change::Expired(id()).into());
    assert_eq!(ledger.live("a").map(|job| job.expiries), Some(u32::MAX));
}

/// A broker without its interfaces, beside what it ought to be.
struct World {
    path: PathBuf,
    kept: Kept<Ledger>,
    schedule: Schedule,
    now: Instant,
    /// Leases that somebody believes to have.
    believed: Vec<(String, u64)>,
    next_token: u64,
    /// How often each job that is there has failed.
    live: BTreeMap<String, usize>,
    /// How many leases of each have expired in a row.
    expiries: BTreeMap<String, u32>,
    dead: BTreeSet<String>,
    done: BTreeSet<String>,
}

async fn open(path: &Path) -> Kept<Ledger> {
    // The one before is still there, though its process is not.
    let access = Access::Shared;
    Kept::open(path, Ledger::new(1000), COMPACT_BYTES_MIN, access).await.expect("a good journal")
}

impl World {
    async fn new(path: PathBuf) -> Self {
        let kept = open(&path).await;
        Self {
            path,
            kept,
            schedule: Schedule::default(),
            now: Instant::now(),
            believed: Vec::new(),
            next_token: 0,
            live: BTreeMap::new(),
            expiries: BTreeMap::new(),
            dead: BTreeSet::new(),
            done: BTreeSet::new(),
        }
    }

    async fn commit(&mut self, change: Change) {
        self.kept.stage(change.into());
        self.kept.commit().await.expect("a good disk");
    }

    async fn perform(&mut self, op: Op) {
        match op {
            Op::Accept(number) => {
                let id = format!("job-{number}");
                let known = self.kept.state.known(&id, b"1");
                let another = self.kept.state.known(&id, b"2");
                if known.is_some() {
                    assert_eq!((known, another), (Some(Known::Same), Some(Known::Another)));
                } else {
                    let job = Job { id: id.clone(), payload: "1".into(), ..Job::default() };
                    self.commit(Change::Job(Box::new(job))).await;
                    self.schedule.enter(id.clone(), "", self.now, self.now);
                    self.live.insert(id, 0);
                }
            }
            Op::Lease => {
                self.next_token += 1;
                if let Some(id) = self.schedule.lease(self.next_token, self.now + LEASE) {
                    self.believed.push((id, self.next_token));
                }
            }
            Op::Acknowledge(which) => {
                if let Some(id) = self.claim(which) {
                    self.commit(Change::Acknowledged(id.clone())).await;
                    self.schedule.remove(&id);
                    self.expiries.remove(&id);
                    assert!(self.live.remove(&id).is_some(), "{id} was done or dead already");
                    self.done.insert(id);
                }
            }
            Op::Fail(which) => {
                if let Some(id) = self.claim(which) {
                    self.fail(id).await;
                }
            }
            Op::Wait(ms) => {
                self.now += Duration::from_millis(ms);
                for (id, _) in self.schedule.advance(self.now) {
                    self.expire(id).await;
                }
            }
            Op::ReplayAll => {
                for id in std::mem::take(&mut self.dead) {
                    self.commit(Change::Replayed(id.clone())).await;
                    self.schedule.enter(id.clone(), "", self.now, self.now);
                    self.live.insert(id, 0);
                }
            }
            Op::Crash { written, flip } => self.crash(written, flip).await,
            Op::Restart => self.recover().await,
        }
    }

    /// Somebody claims to have a job; only the holder of its lease is believed.
    fn claim(&mut self, which: usize) -> Option<String> {
        let place = which.checked_rem(self.believed.len())?;
        let (id, token) = self.believed.swap_remove(place);
        self.schedule.holds(&id, token, self.now).then_some(id)
    }

    async fn fail(&mut self, id: String) {
        let failed = failed(&id);
        let failures = self.live[&id] + 1;
        if failures < FAILURES_MAX {
            self.commit(Change::Failed(failed)).await;
            self.schedule.put_back(&id, Some(self.now + Duration::from_millis(50)));
            self.expiries.remove(&id);
            self.live.insert(id, failures);
        } else {
            self.commit(Change::DeadLettered(failed)).await;
            self.schedule.remove(&id);
            self.live.remove(&id);
            self.dead.insert(id);
        }
    }

    async fn expire(&mut self, id: String) {
        let expiries = self.expiries.entry(id.clone()).or_default();
        *expiries += 1;
        assert_eq!(self.kept.state.live(&id).expect("a job that is there").expiries + 1, *expiries);
        if *expiries < EXPIRIES_MAX {
            self.commit(Change::Expired(id.clone())).await;
            self.schedule.put_back(&id, None);
        } else {
            self.commit(Change::DeadLettered(failed(&id))).await;
            self.schedule.remove(&id);
            self.expiries.remove(&id);
            self.live.remove(&id);
            self.dead.insert(id);
        }
    }

    async fn crash(&mut self, written: prop::sample::Index, flip: Option<prop::sample::Index>) {
        let synced = fs::read(&self.path).expect("the journal").len();
        let id = "under-way".to_owned();
        if self.kept.state.known(&id, b"1").is_some() {
            return self.recover().await;
        }
        let job = Job { id: id.clone(), payload: "1".into(), ..Job::default() };
        self.commit(Change::Job(Box::new(job))).await;
        let mut bytes = fs::read(&self.path).expect("the journal");
        let Some(frame) = bytes.len().checked_sub(synced).filter(|frame| *frame < 100) else {
            // The journal was rewritten right away: nothing is under way any more.
            self.live.insert(id, 0);
            return self.recover().await;
        };
        let length = written.index(frame + 1);
        bytes.truncate(synced + length);
        let flipped = flip.filter(|_| length > 0);
        if let Some(flip) = flipped {
            bytes[synced + flip.index(length)] ^= 1;
        }
        fs::write(&self.path, bytes).expect("written");
        // Nobody was told that it was accepted, but all of it may be there.
        if length == frame && flipped.is_none() {
            self.live.insert(id, 0);
        }
        self.recover().await;
    }

    async fn recover(&mut self) {
        self.kept = open(&self.path).await;
        self.schedule = Schedule::default();
        for job in self.kept.state.live_jobs() {
            self.schedule.enter(job.id.clone(), "", self.now, self.now);
        }
    }

    /// Each job is where it ought to be, and nowhere else.
    fn check(&self) {
        let ledger = &self.kept.state;
        let mut live: Vec<&str> = ledger.live_jobs().iter().map(|job| job.id.as_str()).collect();
        live.sort_unstable();
        assert!(live.iter().copied().eq(self.live.keys().map(String::as_str)), "{live:?}");
        for (id, failures) in &self.live {
            let job = ledger.live(id).expect("a job that is there");
            assert_eq!(job.failures.len(), *failures, "{id}");
        }
        assert!(ledger.dead().keys().eq(self.dead.iter()), "{:?}", ledger.dead());
        assert!(self.done.iter().all(|id| ledger.known(id, b"1") == Some(Known::Same)));
        assert!(self.done.iter().all(|id| ledger.known(id, b"2") == Some(Known::Another)));
        let (ready, waiting) = (self.schedule.ready(), self.schedule.waiting());
        assert_eq!(ready + waiting + self.schedule.leased(), self.live.len());
        assert_eq!(ledger.len(), self.live.len() + self.dead.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_accepted_job_is_lost_and_none_is_invented(ops in prop::collection::vec(op(), 1..40)) {
        let name = format!("{}-broker-{:p}", std::process::id(), &ops);
        let folder = std::env::temp_dir().join(name);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut world = World::new(folder.join("jobs.journal")).await;
            for op in ops {
                world.perform(op).await;
                world.check();
            }
            world.recover().await;
            world.check();
        });
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_snapshot_leads_to_the_same_state(ops in prop::collection::vec(any::<(u8, u8)>(), 0..60)) {
        let mut ledger = Ledger::new(4);
        for (what, number) in ops {
            let id = format!("job-{}", number % 8);
            let failed = failed(&id);
            let job = Job { id: id.clone(), payload: "1".into(), ..Job::default() };
            let change = match what % 7 {
                0 if ledger.known(&id, b"1").is_some() => continue,
                0 => Change::Job(Box::new(job)),
                1 => Change::Acknowledged(id),
                2 => Change::Failed(failed),
                3 => Change::DeadLettered(failed),
                4 => Change::Expired(id),
                5 => Change::Redriven(id),
                _ => Change::Replayed(id),
            };
            ledger.apply(change.into());
        }
        let mut again = Ledger::new(4);
        let snapshot = ledger.snapshot();
        let bytes: u64 = snapshot.iter().filter_map(|record| match &record.change {
            Some(Change::Job(job)) => Some(prost::Message::encoded_len(&**job) as u64),
            _ => None,
        }).sum();
        prop_assert_eq!(ledger.snapshot_bytes(), bytes);
        for record in snapshot {
            again.apply(record);
        }
        // Which number the next one has is of no account, as long as it is behind all that are there.
        let shown = |ledger: &Ledger| {
            format!("{ledger:?}").replace(&format!("accepted: {}", ledger.accepted()), "")
        };
        prop_assert_eq!(shown(&again), shown(&ledger));
        prop_assert!(again.live_jobs().iter().all(|job| job.nth < again.accepted()));
    }
}
