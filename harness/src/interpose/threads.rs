//! The threads that the code of a run starts, in lockstep with it.
//!
//! Such a thread is a real one, but of all threads of a run one moves at a time. Who moves has the
//! baton: the thread of the run, which hands it to one of the others when its own code has nothing
//! to do, and gets it back when that one waits or ends. Virtual time stands still meanwhile. Which
//! of several is next is drawn from the seed. So what they do is a function of the seed, as long
//! as they wait in ways that can be seen: for a futex, on which all locks, channels and condition
//! variables of Rust rest, for descriptors, for each other's end, or for a time.
//!
//! The simulated kernel belongs to the thread of the run, and is asked there: a thread that calls
//! it lends its call to that thread together with the baton.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ffi::c_void,
    io,
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use libc::c_int;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    Clock, descriptors,
    futex::{real_futex, real_pause},
    kernel::Kernel,
    polling,
};

/// What may move: set for whoever has it.
#[derive(Debug, Default)]
struct Baton(AtomicU32);

impl Baton {
    fn hand_over(&self) {
        self.0.store(1, Ordering::Release);
        real_futex(&self.0, libc::FUTEX_WAKE, 1);
    }

    fn await_it(&self) {
        while self.0.swap(0, Ordering::Acquire) == 0 {
            real_futex(&self.0, libc::FUTEX_WAIT, 0);
        }
    }
}

/// What a thread waits for; the first that happens ends it.
#[derive(Debug, Default)]
struct Wait {
    /// The address of a word that somebody wakes, and what is in it until then.
    futex: Option<(usize, u32)>,
    /// Descriptors with the events of `poll(2)`.
    descriptors: Vec<(c_int, c_int)>,
    /// The end of a thread.
    end_of: Option<u64>,
    /// A time, in nanoseconds since the run began.
    until: Option<u64>,
}

#[derive(Debug)]
enum Status {
    Ready,
    Waits(Wait),
    Ended,
}

/// A thread that the code of a run has started.
struct Child {
    family: Arc<Family>,
    number: u64,
    baton: Baton,
}

struct Member {
    child: Arc<Child>,
    host: u16,
    status: Status,
    /// It was woken, and not only told that time is up.
    woken: bool,
    thread: libc::pthread_t,
}

/// The call of a thread, which stands still until it has been performed.
struct Job(*mut (dyn FnMut() + Send));

// SAFETY: who lends the call waits until it is over.
unsafe impl Send for Job {}

struct State {
    members: BTreeMap<u64, Member>,
    started: u64,
    /// What the thread that had the baton asks the kernel.
    job: Option<Job>,
    order: ChaCha8Rng,
    seed: u64,
    now: u64,
    clock: Clock,
    paused: Vec<u16>,
}

/// The threads of one run.
struct Family {
    /// The baton of the thread of the run.
    lead: Baton,
    /// Only who has the baton touches it: nobody ever waits for the lock.
    state: Mutex<State>,
}

impl Family {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// Of the thread of a run.
    static FAMILY: RefCell<Option<Arc<Family>>> = const { RefCell::new(None) };
    /// The kernels of the hosts that threads belong to, by the number of the thread.
    static KERNELS: RefCell<BTreeMap<u64, Rc<dyn Kernel>>> = const { RefCell::new(BTreeMap::new()) };
    /// Of a thread that was started by the code of a run.
    static CHILD: Cell<Option<&'static Child>> = const { Cell::new(None) };
}

/// A run begins on this thread.
pub(super) fn begin(seed: u64) {
    let state = State {
        members: BTreeMap::new(),
        started: 0,
        job: None,
        order: ChaCha8Rng::seed_from_u64(seed),
        seed,
        now: 0,
        clock: Clock::RIGHT,
        paused: Vec::new(),
    };
    FAMILY.set(Some(Arc::new(Family { lead: Baton::default(), state: Mutex::new(state) })));
}

/// The run is over. Threads that still wait are left behind: nothing can end them.
pub(super) fn end() {
    FAMILY.take();
    KERNELS.take();
}

fn family() -> Option<Arc<Family>> {
    FAMILY.try_with(|family| family.try_borrow().ok()?.clone()).ok().flatten()
}

/// Was this thread started by the code of a run?
pub(super) fn is_child() -> bool {
    CHILD.try_with(Cell::get).ok().flatten().is_some()
}

/// Performs a call where the simulated kernel is.
///
/// # Errors
///
/// Those of the call, and `EBADF` when the process is no more.
pub(crate) fn at_kernel<R: Send>(act: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
    match CHILD.get() {
        None => act(),
        Some(child) => child.ask(act),
    }
}

impl Child {
    fn ask<R: Send>(&self, act: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
        let (mut act, mut result) = (Some(act), None);
        let mut perform = || result = act.take().map(|act| act());
        let job: *mut (dyn FnMut() + Send + '_) = &raw mut perform;
        // SAFETY: only the lifetime changes, and this thread waits until the job is done.
        let job: *mut (dyn FnMut() + Send) = unsafe { std::mem::transmute(job) };
        self.family.state().job = Some(Job(job));
        self.pass();
        result.unwrap_or_else(|| Err(descriptors::bad()))
    }

    /// Waits. False if it was only for the time.
    fn wait(&self, wait: Wait) -> bool {
        if let Some(member) = self.family.state().members.get_mut(&self.number) {
            (member.status, member.woken) = (Status::Waits(wait), false);
        }
        self.pass();
        self.family.state().members.get(&self.number).is_some_and(|member| member.woken)
    }

    /// Hands the baton back, and waits to get it again.
    fn pass(&self) {
        self.family.lead.hand_over();
        self.baton.await_it();
        self.resume();
    }

    fn resume(&self) {
        let state = self.family.state();
        super::NOW_NS.set(state.now);
        super::READINGS.set(0);
        super::CLOCK.set(state.clock);
    }
}

/// Waits for descriptors. False if the time is up.
///
/// # Errors
///
/// `EDEADLK` on the thread of the run, which all hosts share and which cannot wait.
pub(super) fn wait_for(descriptors: &[(c_int, c_int)], until: Option<u64>) -> io::Result<bool> {
    let wait = Wait { descriptors: descriptors.to_vec(), until, ..Wait::default() };
    match CHILD.get() {
        Some(child) => {
            child.ask(|| polling::await_all(descriptors, true))?;
            let woken = child.wait(wait);
            child.ask(|| polling::await_all(descriptors, false))?;
            Ok(woken)
        }
        None => {
            super::blocked("it waits for a socket on the thread of its runtime");
            Err(io::Error::from_raw_os_error(libc::EDEADLK))
        }
    }
}

/// A thread of the code of a run sleeps until then.
pub(super) fn sleep_until(until: u64) -> bool {
    let Some(child) = CHILD.get() else { return false };
    child.wait(Wait { until: Some(until), ..Wait::default() });
    true
}

impl State {
    /// Ends the waits for which this is the end.
    fn wake(&mut self, ends: impl Fn(&Wait) -> bool, most: usize) -> usize {
        let waiting = self
            .members
            .values_mut()
            .filter(|member| matches!(&member.status, Status::Waits(wait) if ends(wait)));
        let mut count = 0;
        for member in waiting.take(most) {
            (member.status, member.woken) = (Status::Ready, true);
            count += 1;
        }
        count
    }

    /// Time is up for those that waited no longer than until `now`.
    fn wake_due(&mut self, now: u64) {
        for member in self.members.values_mut() {
            if matches!(&member.status, Status::Waits(wait) if wait.until.is_some_and(|at| at <= now))
            {
                member.status = Status::Ready;
            }
        }
    }

    fn next(&mut self) -> Option<(u64, Arc<Child>)> {
        let ready: Vec<u64> = self
            .members
            .iter()
            .filter(|(_, member)| {
                matches!(member.status, Status::Ready) && !self.paused.contains(&member.host)
            })
            .map(|(number, _)| *number)
            .collect();
        let drawn = match ready.len() {
            0 => return None,
            1 => 0,
            several => self.order.random_range(0..several),
        };
        let number = ready[drawn];
        Some((number, Arc::clone(&self.members[&number].child)))
    }
}

/// Lets the other threads of this run move until each of them waits or has ended. Did any?
pub(super) fn settle() -> bool {
    let Some(family) = family() else { return false };
    let mut moved = false;
    loop {
        look_at_words(&family);
        look_at_descriptors(&family);
        let next = {
            let mut state = family.state();
            state.now = super::NOW_NS.get();
            state.clock = super::CLOCK.get();
            state.next()
        };
        let Some((number, child)) = next else { return moved };
        moved = true;
        loop {
            child.baton.hand_over();
            family.lead.await_it();
            let job = family.state().job.take();
            let Some(Job(job)) = job else { break };
            // SAFETY: it lives while its thread waits for the baton.
            perform(number, unsafe { &mut *job });
        }
        let mut state = family.state();
        if matches!(state.members.get(&number).map(|it| &it.status), Some(Status::Ended)) {
            state.members.remove(&number);
            drop(state);
            KERNELS.with_borrow_mut(|kernels| kernels.remove(&number));
        }
    }
}

/// Performs the call of a thread on behalf of its host.
fn perform(number: u64, job: &mut dyn FnMut()) {
    let kernel = KERNELS.with_borrow(|kernels| kernels.get(&number).cloned());
    match kernel {
        Some(kernel) => kernel.on_behalf(job),
        None => job(),
    }
}

/// Ends the waits for words that have changed. A thread of another run may have done that, as the
/// owner of a lock that all runs share; its call wakes nobody here.
fn look_at_words(family: &Family) {
    for member in family.state().members.values_mut() {
        if let Status::Waits(Wait { futex: Some((address, value)), .. }) = &member.status {
            // SAFETY: the word lives while its thread waits for it.
            let word = unsafe { &*(*address as *const AtomicU32) };
            if word.load(Ordering::SeqCst) != *value {
                (member.status, member.woken) = (Status::Ready, true);
            }
        }
    }
}

/// Ends the waits for descriptors that something has happened to.
fn look_at_descriptors(family: &Family) {
    let waiting: Vec<(u64, Vec<(c_int, c_int)>)> = {
        let state = family.state();
        let waiting = state.members.iter().filter_map(|(number, member)| match &member.status {
            Status::Waits(wait) if !wait.descriptors.is_empty() => {
                Some((*number, wait.descriptors.clone()))
            }
            _ => None,
        });
        waiting.collect()
    };
    for (number, wanted) in waiting {
        let happened = wanted.iter().any(|(fd, events)| match descriptors::get(*fd) {
            Ok(object) => {
                polling::mask(&object, *events) & (events | libc::EPOLLERR | libc::EPOLLHUP) != 0
            }
            // Closed meanwhile: the call finds that out.
            Err(_) => true,
        });
        if happened && let Some(member) = family.state().members.get_mut(&number) {
            (member.status, member.woken) = (Status::Ready, true);
        }
    }
}

/// When a thread of this run has waited long enough.
pub(crate) fn next_due() -> Option<u64> {
    let family = family()?;
    let state = family.state();
    let due = state.members.values().filter(|member| !state.paused.contains(&member.host));
    due.filter_map(|member| match &member.status {
        Status::Waits(wait) => wait.until,
        _ => None,
    })
    .min()
}

/// Lets the threads move whose time is up by `now`.
pub(crate) fn run_due(now: u64) {
    let Some(family) = family() else { return };
    family.state().wake_due(now);
    settle();
}

/// The threads of a host stand still, or go on.
pub(crate) fn pause(host: u16, paused: bool) {
    let Some(family) = family() else { return };
    let mut state = family.state();
    state.paused.retain(|known| *known != host);
    if paused {
        state.paused.push(host);
    }
}

pub(super) type Start = extern "C" fn(*mut c_void) -> *mut c_void;

struct Begin {
    start: Start,
    argument: *mut c_void,
    child: Arc<Child>,
}

extern "C" fn run(begin: *mut c_void) -> *mut c_void {
    // SAFETY: it is what `adopt` has made, and comes here once.
    let begin = unsafe { Box::from_raw(begin.cast::<Begin>()) };
    let Begin { start, argument, child } = *begin;
    let seed = {
        let state = child.family.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seed ^ child.number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    child.baton.await_it();
    super::begin_child(seed);
    end_with_the_thread(&child);
    // SAFETY: it is given back when the thread ends.
    CHILD.set(Some(unsafe { &*Arc::into_raw(child) }));
    if let Some(child) = CHILD.get() {
        child.resume();
    }
    start(argument)
}

/// Has the thread hand its baton back when everything that belongs to it is gone.
fn end_with_the_thread(child: &Arc<Child>) {
    static KEY: std::sync::OnceLock<libc::pthread_key_t> = std::sync::OnceLock::new();
    unsafe extern "C" fn ended(_: *mut c_void) {
        let Some(child) = CHILD.replace(None) else { return };
        super::end_child();
        // SAFETY: it was leaked when the thread began.
        let child = unsafe { Arc::from_raw(std::ptr::from_ref(child)) };
        {
            let mut state = child.family.state();
            let number = child.number;
            if let Some(member) = state.members.get_mut(&number) {
                member.status = Status::Ended;
            }
            state.wake(|wait| wait.end_of == Some(number), usize::MAX);
        }
        child.family.lead.hand_over();
    }
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the key is a valid place.
        unsafe { libc::pthread_key_create(&raw mut key, Some(ended)) };
        key
    });
    // SAFETY: the key is valid; only that the value is not null matters.
    unsafe { libc::pthread_setspecific(key, std::ptr::from_ref::<Child>(child).cast()) };
}

/// What to start instead of what the code of a run wants to start. `create` starts it.
pub(super) fn adopt(
    start: Start,
    argument: *mut c_void,
    create: impl FnOnce(Start, *mut c_void) -> (c_int, libc::pthread_t),
) -> c_int {
    let (family, kernel) = match CHILD.get() {
        Some(child) => (Arc::clone(&child.family), None),
        None => match family() {
            Some(family) => (family, super::kernel()),
            None => return create(start, argument).0,
        },
    };
    let child = {
        let mut state = family.state();
        state.started += 1;
        Arc::new(Child {
            family: Arc::clone(&family),
            number: state.started,
            baton: Baton::default(),
        })
    };
    let number = child.number;
    let host = match (&kernel, CHILD.get()) {
        (Some(kernel), _) => kernel.host(),
        (None, Some(parent)) => {
            family.state().members.get(&parent.number).map_or(0, |member| member.host)
        }
        (None, None) => 0,
    };
    let begin = Box::into_raw(Box::new(Begin { start, argument, child: Arc::clone(&child) }));
    let (result, thread) = create(run, begin.cast());
    if result != 0 {
        // SAFETY: nobody else has it: there is no thread.
        drop(unsafe { Box::from_raw(begin) });
        return result;
    }
    let member = Member { child, host, status: Status::Ready, woken: false, thread };
    family.state().members.insert(number, member);
    match (kernel, CHILD.get()) {
        (Some(kernel), _) => KERNELS.with_borrow_mut(|kernels| {
            kernels.insert(number, kernel);
        }),
        (None, Some(parent)) => {
            // It has its parent's kernel.
            let of = parent.number;
            let _ = at_kernel(|| {
                KERNELS.with_borrow_mut(|kernels| {
                    if let Some(kernel) = kernels.get(&of).cloned() {
                        kernels.insert(number, kernel);
                    }
                });
                Ok(())
            });
        }
        (None, None) => {}
    }
    0
}

/// Waits in virtual time until a thread has ended, if it is one of this run.
pub(super) fn await_end(thread: libc::pthread_t) {
    let family = match CHILD.get() {
        Some(child) => Some(Arc::clone(&child.family)),
        None => family(),
    };
    let Some(family) = family else { return };
    let number = {
        let state = family.state();
        let found = state
            .members
            .iter()
            .find(|(_, member)| member.thread == thread && !matches!(member.status, Status::Ended));
        found.map(|(number, _)| *number)
    };
    let Some(number) = number else { return };
    match CHILD.get() {
        Some(child) => {
            child.wait(Wait { end_of: Some(number), ..Wait::default() });
        }
        None => {
            let ended = || !family.state().members.contains_key(&number);
            lead_waits(&family, None, false, ended);
        }
    }
}

/// Wakes up to `most` threads of this run that wait at an address. How many did?
pub(super) fn wake_waiters(address: usize, most: usize) -> usize {
    let family = match CHILD.get() {
        Some(child) => Some(Arc::clone(&child.family)),
        None => family(),
    };
    family.map_or(0, |family| {
        family.state().wake(|wait| wait.futex.is_some_and(|(at, _)| at == address), most)
    })
}

/// Waits until a word is woken that has this value. False if the time is up.
pub(super) fn wait_for_word(word: &AtomicU32, value: u32, until: Option<u64>) -> bool {
    match CHILD.get() {
        Some(child) => {
            let futex = Some((std::ptr::from_ref(word) as usize, value));
            child.wait(Wait { futex, until, ..Wait::default() })
        }
        None => family().is_none_or(|family| {
            lead_waits(&family, until, true, || word.load(Ordering::SeqCst) != value)
        }),
    }
}

/// How often the thread of the run lets others go first, and then for how many milliseconds it
/// waits in real time, before virtual time passes: a thread of another run may hold a lock of a
/// library that all runs share, and does not hold it for long.
const YIELDS: u32 = 1_000;
const PAUSES: u32 = 1_000;
/// As many milliseconds it waits for what nothing in its own run can bring about.
const PATIENCE: u32 = 30_000;

/// The thread of the run waits: the others move, and if none of them can, its host does nothing
/// until one can. False if the time is up. Threads of other runs may end the wait if it is for a
/// word in memory, and not for the end of a thread.
fn lead_waits(
    family: &Family,
    until: Option<u64>,
    for_a_word: bool,
    is_over: impl Fn() -> bool,
) -> bool {
    let mut waited = 0;
    loop {
        if is_over() {
            return true;
        }
        if settle() {
            continue;
        }
        let next = [next_due(), until].into_iter().flatten().min();
        let most = if next.is_some() { YIELDS + PAUSES } else { YIELDS + PATIENCE };
        if for_a_word && waited < most {
            waited += 1;
            if waited < YIELDS {
                std::thread::yield_now();
            } else {
                real_pause();
            }
            continue;
        }
        let Some(next) = next else {
            super::blocked("it waits for what nobody in the run can bring about");
            real_pause();
            continue;
        };
        super::NOW_NS.set(super::NOW_NS.get().max(next));
        family.state().wake_due(next);
        if until.is_some_and(|until| until <= next) && !settle() && !is_over() {
            return false;
        }
    }
}
