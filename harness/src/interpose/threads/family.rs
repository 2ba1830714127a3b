//! The threads of one run: which of them may move, and what the others wait for.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak,
        atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicUsize, Ordering},
    },
};

use libc::c_int;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::baton::Baton;
use crate::interpose::{clocks::Clock, real::real_yield};

/// What a thread waits for; the first that happens ends it.
#[derive(Debug, Default)]
pub(crate) struct Wait {
    /// The address of a word that somebody wakes.
    pub(crate) word: Option<usize>,
    /// Descriptors with the events of `poll(2)`.
    pub(crate) descriptors: Vec<(c_int, c_int)>,
    /// The end of a thread.
    pub(crate) end_of: Option<u64>,
    /// A time, in nanoseconds since the run began.
    pub(crate) until: Option<u64>,
}

#[derive(Debug)]
enum Status {
    Ready,
    Waits(Wait),
    Ended,
}

/// A thread that the code of a run has started.
pub(crate) struct Child {
    pub(crate) family: Arc<Family>,
    pub(crate) number: u64,
    pub(crate) baton: Baton,
    /// The number that the real kernel has for it.
    pub(crate) thread: AtomicI32,
    /// It was given up: nothing of the run is its business any more. Who touches what is the run's
    /// has the lock meanwhile.
    pub(crate) lost: Mutex<bool>,
}

impl Child {
    pub(crate) fn new(family: Arc<Family>, number: u64) -> Self {
        let (thread, lost) = (AtomicI32::new(0), Mutex::new(false));
        Self { family, number, baton: Baton::default(), thread, lost }
    }
}

struct Member {
    child: Arc<Child>,
    host: u16,
    status: Status,
    /// It was woken, and not only told that time is up.
    woken: bool,
    thread: libc::pthread_t,
    /// How many calls it has made since its process died; `None` while that lives.
    refused: Option<u32>,
}

/// The call of a thread, which stands still until it has been performed.
pub(crate) struct Job {
    pub(crate) call: *mut (dyn FnMut() + Send),
    /// It is only about descriptors, which a thread gives back when its process is gone, too.
    pub(crate) of_descriptors: bool,
}

// SAFETY: who lends the call waits until it is over.
unsafe impl Send for Job {}

pub(crate) struct State {
    members: BTreeMap<u64, Member>,
    ready: BTreeSet<u64>,
    /// Who waits for a word, in the order in which they came.
    words: BTreeMap<usize, VecDeque<u64>>,
    /// Who waits for the end of a thread.
    joining: BTreeMap<u64, Vec<u64>>,
    /// Until when members wait.
    due: BTreeSet<(u64, u64)>,
    at_descriptors: BTreeSet<u64>,
    lead_woken: bool,
    started: u64,
    /// The mutexes in static memory that threads of the run have, and how many times.
    held: BTreeMap<usize, u32>,
    /// What the thread that had the baton asks the kernel.
    pub(crate) job: Option<Job>,
    order: ChaCha8Rng,
    pub(crate) seed: u64,
    pub(crate) now: u64,
    pub(crate) clock: Clock,
    paused: Vec<u16>,
}

/// The number of the thread of the run among those that wait for a word.
const LEAD: u64 = 0;

/// A thread whose process is gone ends at the latest after so many calls in vain.
const REFUSED_MAX: u32 = 1_000;

impl State {
    fn new(seed: u64) -> Self {
        Self {
            members: BTreeMap::new(),
            ready: BTreeSet::new(),
            words: BTreeMap::new(),
            joining: BTreeMap::new(),
            due: BTreeSet::new(),
            at_descriptors: BTreeSet::new(),
            lead_woken: false,
            started: 0,
            held: BTreeMap::new(),
            job: None,
            order: ChaCha8Rng::seed_from_u64(seed),
            seed,
            now: 0,
            clock: Clock::RIGHT,
            paused: Vec::new(),
        }
    }

    /// A thread of the run takes a mutex in static memory, or gives it back.
    pub(crate) fn hold(&mut self, mutex: usize, takes: bool) {
        let times = self.held.entry(mutex).or_default();
        *times = if takes { times.saturating_add(1) } else { times.saturating_sub(1) };
        if *times == 0 {
            self.held.remove(&mutex);
        }
    }

    pub(crate) fn is_held(&self, mutex: usize) -> bool {
        self.held.contains_key(&mutex)
    }

    /// A number for a thread that is about to be started.
    pub(crate) fn number(&mut self) -> u64 {
        self.started += 1;
        self.started
    }

    pub(crate) fn add(&mut self, child: Arc<Child>, host: u16, thread: libc::pthread_t) {
        let number = child.number;
        let status = Status::Ready;
        let member = Member { child, host, status, woken: false, thread, refused: None };
        self.members.insert(number, member);
        self.ready.insert(number);
    }

    pub(crate) fn host_of(&self, number: u64) -> Option<u16> {
        self.members.get(&number).map(|member| member.host)
    }

    /// Which member is this thread?
    pub(crate) fn number_of(&self, thread: libc::pthread_t) -> Option<u64> {
        let is_it =
            |member: &Member| member.thread == thread && !matches!(member.status, Status::Ended);
        self.members.iter().find(|(_, member)| is_it(member)).map(|(number, _)| *number)
    }

    pub(crate) fn knows(&self, number: u64) -> bool {
        self.members.contains_key(&number)
    }

    /// Was its last wait ended by what it waited for?
    pub(crate) fn was_woken(&self, number: u64) -> bool {
        self.members.get(&number).is_some_and(|member| member.woken)
    }

    /// A member waits from now on.
    pub(crate) fn wait(&mut self, number: u64, wait: Wait) {
        let Some(member) = self.members.get_mut(&number) else { return };
        self.ready.remove(&number);
        if let Some(word) = wait.word {
            self.words.entry(word).or_default().push_back(number);
        }
        if let Some(other) = wait.end_of {
            self.joining.entry(other).or_default().push(number);
        }
        if let Some(until) = wait.until {
            self.due.insert((until, number));
        }
        if !wait.descriptors.is_empty() {
            self.at_descriptors.insert(number);
        }
        (member.status, member.woken) = (Status::Waits(wait), false);
    }

    /// Forgets what a member has waited for.
    fn leave(&mut self, number: u64, wait: &Wait) {
        if let Some(word) = wait.word
            && let Some(waiting) = self.words.get_mut(&word)
        {
            waiting.retain(|other| *other != number);
            if waiting.is_empty() {
                self.words.remove(&word);
            }
        }
        if let Some(other) = wait.end_of
            && let Some(waiting) = self.joining.get_mut(&other)
        {
            waiting.retain(|other| *other != number);
        }
        if let Some(until) = wait.until {
            self.due.remove(&(until, number));
        }
        self.at_descriptors.remove(&number);
    }

    /// The thread of the run waits for a word, or no longer does.
    pub(crate) fn lead_waits(&mut self, word: usize, begins: bool) {
        self.lead_woken = false;
        let waiting = self.words.entry(word).or_default();
        waiting.retain(|number| *number != LEAD);
        if begins {
            waiting.push_back(LEAD);
        } else if waiting.is_empty() {
            self.words.remove(&word);
        }
    }

    /// Was a word woken that the thread of the run waits for?
    pub(crate) fn lead_was_woken(&self) -> bool {
        self.lead_woken
    }

    fn end_wait(&mut self, number: u64, woken: bool) {
        let Some(member) = self.members.get_mut(&number) else { return };
        if !matches!(member.status, Status::Waits(_)) {
            return;
        }
        let before = std::mem::replace(&mut member.status, Status::Ready);
        member.woken = woken;
        self.ready.insert(number);
        if let Status::Waits(wait) = before {
            self.leave(number, &wait);
        }
    }

    /// Ends the waits of up to `most` members for a word. How many?
    pub(crate) fn wake(&mut self, word: usize, most: usize) -> usize {
        let Some(waiting) = self.words.get(&word) else { return 0 };
        let first: Vec<u64> = waiting.iter().take(most).copied().collect();
        for number in &first {
            if *number == LEAD {
                self.lead_waits(word, false);
                self.lead_woken = true;
            } else {
                self.end_wait(*number, true);
            }
        }
        first.len()
    }

    /// Ends the wait of a member for descriptors.
    pub(crate) fn wake_member(&mut self, number: u64) {
        self.end_wait(number, true);
    }

    pub(crate) fn first_waiting_for(&self, word: usize) -> Option<u64> {
        self.words.get(&word)?.front().copied()
    }

    /// Time is up for those that waited no longer than until `now`.
    pub(crate) fn wake_due(&mut self, now: u64) {
        while let Some(&(at, number)) = self.due.first() {
            if at > now {
                return;
            }
            self.end_wait(number, false);
        }
    }

    /// When the first member has waited long enough, of `host` or any.
    pub(crate) fn next_due(&self, host: Option<u16>) -> Option<u64> {
        let mut due = self.due.iter();
        due.find(|(_, number)| self.may_move(*number, host)).map(|(at, _)| *at)
    }

    /// What the members that wait for descriptors wait for.
    pub(crate) fn awaited(&self, host: Option<u16>) -> Vec<(u64, Vec<(c_int, c_int)>)> {
        let mut all = Vec::new();
        for number in &self.at_descriptors {
            if let Some(Member { status: Status::Waits(wait), .. }) = self.members.get(number)
                && self.may_move(*number, host)
            {
                all.push((*number, wait.descriptors.clone()));
            }
        }
        all
    }

    fn may_move(&self, number: u64, host: Option<u16>) -> bool {
        self.host_of(number)
            .is_some_and(|of| host.is_none_or(|host| host == of) && !self.paused.contains(&of))
    }

    /// Draws who moves next, of `host` or any.
    pub(crate) fn next(&mut self, host: Option<u16>) -> Option<Arc<Child>> {
        let ready: Vec<u64> =
            self.ready.iter().copied().filter(|number| self.may_move(*number, host)).collect();
        let drawn = match ready.len() {
            0 => return None,
            1 => 0,
            several => self.order.random_range(0..several),
        };
        self.members.get(&ready[drawn]).map(|member| Arc::clone(&member.child))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.iter().any(|number| self.may_move(*number, None))
    }

    /// A thread's call is being performed: it has the baton to wait for, whatever else moves.
    pub(crate) fn stand_still(&mut self, number: u64, stands: bool) {
        if stands {
            self.ready.remove(&number);
        } else if self.members.get(&number).is_some_and(|it| matches!(it.status, Status::Ready)) {
            self.ready.insert(number);
        }
    }

    /// A thread has come to its end.
    pub(crate) fn ended(&mut self, number: u64) {
        self.ready.remove(&number);
        if let Some(member) = self.members.get_mut(&number) {
            member.status = Status::Ended;
        }
        for waiting in self.joining.remove(&number).unwrap_or_default() {
            self.end_wait(waiting, true);
        }
    }

    /// Forgets a thread that has ended. Had it?
    pub(crate) fn bury(&mut self, number: u64) -> bool {
        let has_ended = |member: &Member| matches!(member.status, Status::Ended);
        let ended = self.members.get(&number).is_some_and(has_ended);
        if ended {
            self.members.remove(&number);
        }
        ended
    }

    /// Never lets a thread move again.
    pub(crate) fn abandon(&mut self, number: u64) {
        self.ready.remove(&number);
        if let Some(member) = self.members.remove(&number)
            && let Status::Waits(wait) = member.status
        {
            self.leave(number, &wait);
        }
    }

    /// The process of a host is gone: its threads may come to their ends, and nothing else.
    pub(crate) fn condemn(&mut self, host: u16) {
        for member in self.members.values_mut().filter(|member| member.host == host) {
            member.refused = Some(0);
        }
    }

    /// May this thread call the kernel? If not, may it go on all the same?
    pub(crate) fn may_call(&mut self, number: u64) -> Result<(), bool> {
        match self.members.get_mut(&number).and_then(|member| member.refused.as_mut()) {
            None => Ok(()),
            Some(refused) => {
                *refused += 1;
                Err(*refused <= REFUSED_MAX)
            }
        }
    }

    /// The threads of a host whose process is gone.
    pub(crate) fn condemned(&self, host: u16) -> Vec<u64> {
        let all = self.members.iter();
        let of_host = all.filter(|(_, it)| it.host == host && it.refused.is_some());
        of_host.map(|(number, _)| *number).collect()
    }

    pub(crate) fn thread(&self, number: u64) -> Option<libc::pthread_t> {
        self.members.get(&number).map(|member| member.thread)
    }

    /// The run is over.
    pub(crate) fn forget_all(&mut self) {
        *self = Self::new(self.seed);
    }

    /// The threads of a host stand still, or go on.
    pub(crate) fn pause(&mut self, host: u16, paused: bool) {
        self.paused.retain(|known| *known != host);
        if paused {
            self.paused.push(host);
        }
    }
}

/// The threads of one run.
pub(crate) struct Family {
    /// The baton of the thread of the run.
    pub(crate) lead: Baton,
    /// Only who has the baton touches it: nobody ever waits for the lock.
    state: Mutex<State>,
    /// The words that members wait for, which others may ask about at any time.
    words: Mutex<Vec<usize>>,
    /// Those of them that somebody outside of the family has woken.
    from_outside: Mutex<Vec<usize>>,
    was_woken: AtomicBool,
    /// What the members have allocated, less what they have freed.
    pub(crate) bytes: AtomicI64,
    first: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Family {
    /// A family that others find when they wake a word.
    pub(crate) fn found(seed: u64) -> Arc<Self> {
        let family = Arc::new(Self {
            lead: Baton::default(),
            state: Mutex::new(State::new(seed)),
            words: Mutex::default(),
            from_outside: Mutex::default(),
            was_woken: AtomicBool::new(false),
            bytes: AtomicI64::new(0),
            first: OnceLock::new(),
        });
        let mut all = lock(&FAMILIES);
        all.push(Arc::downgrade(&family));
        COUNT.store(all.len(), Ordering::Relaxed);
        drop(all);
        family
    }

    /// The run of this family is over.
    pub(crate) fn dissolve(self: &Arc<Self>) {
        self.state().forget_all();
        let mut all = lock(&FAMILIES);
        all.retain(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(self)));
        COUNT.store(all.len(), Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each member calls first.
    pub(crate) fn call_first(&self, call: Box<dyn Fn() + Send + Sync>) {
        // There is one for a run.
        let _ = self.first.set(call);
    }

    /// A member begins, with the baton.
    pub(crate) fn begin_thread(&self) {
        if let Some(call) = self.first.get() {
            call();
        }
    }

    /// A member begins or ceases to wait for a word.
    pub(crate) fn note_word(&self, word: usize, waits: bool) {
        let mut words = lock(&self.words);
        if waits {
            words.push(word);
        } else if let Some(place) = words.iter().rposition(|known| *known == word) {
            words.swap_remove(place);
        }
    }

    /// The words that somebody outside of the family has woken.
    pub(crate) fn take_from_outside(&self) -> Vec<usize> {
        if self.was_woken.swap(false, Ordering::Acquire) {
            std::mem::take(&mut *lock(&self.from_outside))
        } else {
            Vec::new()
        }
    }
}

static FAMILIES: Mutex<Vec<Weak<Family>>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Takes a lock without the calls that this module stands in front of: it is held for moments only.
pub(crate) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    loop {
        match of.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => real_yield(),
        }
    }
}

/// Are there other runs in this process?
pub(crate) fn others_run() -> bool {
    COUNT.load(Ordering::Relaxed) > 1
}

/// Tells the runs other than `own` that a word was woken. How many waited for it?
pub(crate) fn wake_others(own: Option<&Arc<Family>>, word: usize) -> usize {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    let all: Vec<Arc<Family>> = lock(&FAMILIES).iter().filter_map(Weak::upgrade).collect();
    let others = all.iter().filter(|it| own.is_none_or(|own| !Arc::ptr_eq(own, it)));
    let mut count = 0;
    for family in others {
        if lock(&family.words).contains(&word) {
            lock(&family.from_outside).push(word);
            family.was_woken.store(true, Ordering::Release);
            count += 1;
        }
    }
    count
}
