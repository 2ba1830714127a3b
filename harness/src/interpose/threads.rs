//! The threads that the code of a run starts, in lockstep with it.
//!
//! Such a thread is a real one, but of all threads of a run one moves at a time. Who moves has the
//! baton: the thread of the run, which hands it to one of the others when its own code has nothing
//! to do, and gets it back when that one waits or ends. Virtual time stands still meanwhile. Which
//! of several is next is drawn from the seed. So what they do is a function of the seed, as long
//! as they wait in ways that can be seen: for a futex, on which all locks, channels and condition
//! variables of Rust rest, for a lock or condition of C, for descriptors, for each other's end, or
//! for a time.
//!
//! The simulated kernel belongs to the thread of the run, and is asked there: a thread that calls
//! it lends its call to that thread together with the baton.
//!
//! What runs of one process share is another matter: a lock in static memory may be held by a
//! thread of another run, which will give it back in real time. Such a wait takes no virtual time,
//! and nobody else moves in it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    rc::Rc,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
};

use libc::c_int;

use super::{
    descriptors,
    family::{Child, Family, Job, Wait, lock, others_run, wake_others},
    futex::{real_pause, real_yield},
    kernel::Kernel,
    patience::{lead_waits, wait_really},
    polling,
    signals::take_turn,
    statics, stuck,
};

thread_local! {
    /// Of the thread of a run.
    static FAMILY: RefCell<Option<Arc<Family>>> = const { RefCell::new(None) };
    /// The kernels of the hosts that threads belong to, by the number of the thread.
    pub(super) static KERNELS: RefCell<BTreeMap<u64, Rc<dyn Kernel>>> = const { RefCell::new(BTreeMap::new()) };
    /// Of a thread that was started by the code of a run.
    pub(super) static CHILD: Cell<Option<&'static Child>> = const { Cell::new(None) };
    /// How often the thread has let others go first since it last did something else.
    static YIELDED: Cell<u32> = const { Cell::new(0) };
}

/// A run begins on this thread.
pub(super) fn begin(seed: u64) {
    statics::prepare();
    FAMILY.set(Some(Family::found(seed)));
}

/// The run is over. Threads that still wait are left behind: nothing can end them.
pub(super) fn end() {
    if let Some(family) = FAMILY.take() {
        family.dissolve();
    }
    KERNELS.take();
}

/// The family of this thread, whether it is the run's own or one that the code has started.
pub(super) fn family() -> Option<Arc<Family>> {
    match CHILD.try_with(Cell::get).ok().flatten() {
        Some(child) => Some(Arc::clone(&child.family)),
        None => FAMILY.try_with(|family| family.try_borrow().ok()?.clone()).ok().flatten(),
    }
}

/// What the threads that the code of this run has started have allocated, less what they have freed.
pub(super) fn bytes() -> i64 {
    let of = |family: &Arc<Family>| family.bytes.load(Ordering::Relaxed);
    FAMILY.try_with(|family| family.try_borrow().ok()?.as_ref().map(of)).ok().flatten().unwrap_or(0)
}

/// Was this thread started by the code of a run?
pub(crate) fn is_child() -> bool {
    CHILD.try_with(Cell::get).ok().flatten().is_some()
}

/// The number of this thread in its run, from 1 on: that of the runtimes.
pub(super) fn number() -> c_int {
    let number = CHILD.try_with(Cell::get).ok().flatten().map_or(0, |child| child.number);
    c_int::try_from(number + 1).unwrap_or(c_int::MAX)
}

/// Performs a call where the simulated kernel is.
///
/// # Errors
///
/// Those of the call, and `EBADF` when the process is no more.
pub(crate) fn at_kernel<R: Send>(act: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
    match CHILD.get() {
        None => act(),
        Some(child) => child.ask(act, false),
    }
}

/// Does something where the descriptors of the run are.
///
/// # Errors
///
/// Those of what is done.
pub(super) fn at_descriptors<R: Send>(act: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
    match CHILD.get() {
        None => act(),
        Some(child) => child.ask(act, true),
    }
}

impl Child {
    fn ask<R: Send>(
        &self,
        act: impl FnOnce() -> io::Result<R> + Send,
        of_descriptors: bool,
    ) -> io::Result<R> {
        let (mut act, mut result) = (Some(act), None);
        let mut perform = || result = act.take().map(|act| act());
        let call: *mut (dyn FnMut() + Send + '_) = &raw mut perform;
        // SAFETY: only the lifetime changes, and this thread waits until the job is done.
        let call: *mut (dyn FnMut() + Send) = unsafe { std::mem::transmute(call) };
        self.pass(|family| family.state().job = Some(Job { call, of_descriptors }));
        result.unwrap_or_else(|| Err(descriptors::bad()))
    }

    /// Waits, unless that is over already. False if it was only for the time.
    fn wait(&self, wait: Wait, is_over: impl Fn() -> bool) -> bool {
        let word = wait.word;
        drop(self.hold());
        if let Some(word) = word {
            self.family.note_word(word, true);
            // Somebody outside of the run may have ended it before that.
            if is_over() {
                self.family.note_word(word, false);
                return true;
            }
        }
        self.pass(|family| family.state().wait(self.number, wait));
        if let Some(word) = word {
            self.family.note_word(word, false);
        }
        self.family.state().was_woken(self.number)
    }

    /// Says what is wanted, hands the baton back, and waits to get it again.
    fn pass(&self, say: impl FnOnce(&Family)) {
        let held = self.hold();
        say(&self.family);
        self.family.lead.hand_over();
        drop(held);
        self.baton.await_it();
        self.resume();
    }

    /// The right to touch what is the run's, which a thread that was given up has no more: it never
    /// moves again.
    pub(super) fn hold(&self) -> MutexGuard<'_, bool> {
        let held = lock(&self.lost);
        if *held {
            drop(held);
            loop {
                real_pause();
            }
        }
        held
    }

    pub(super) fn resume(&self) {
        let state = self.family.state();
        super::NOW_NS.set(state.now);
        super::READINGS.set(0);
        super::CLOCK.set(state.clock);
        YIELDED.set(0);
    }
}

/// Does something where the run is, on behalf of one of its threads; `None` if the process of that
/// thread is no more.
pub(crate) fn lend<R>(act: impl FnOnce() -> R) -> Option<R> {
    let Some(child) = CHILD.get() else { return Some(act()) };
    let (mut result, mut act) = (None, Lent(Some(act)));
    let place = Lent(&raw mut result);
    child
        .ask(
            move || {
                let (act, place) = (act.take(), place);
                // SAFETY: its owner waits until this is over.
                unsafe { *place.0 = act.map(|act| act()) };
                Ok(())
            },
            false,
        )
        .ok()?;
    result
}

/// What crosses to the thread of the run and back while its owner stands still: at no time do two
/// threads touch it.
struct Lent<T>(T);

// SAFETY: see above.
unsafe impl<T> Send for Lent<T> {}

impl<T> Lent<Option<T>> {
    fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// The code of this thread has done something that the run cannot go on from.
pub(super) fn block(what: &str) {
    match CHILD.get() {
        None => super::blocked(None, what),
        Some(child) => {
            let number = child.number;
            let tell = || {
                let host = family().and_then(|family| family.state().host_of(number));
                super::blocked(host, what);
                Ok(())
            };
            // A thread whose process is gone has nobody to tell.
            let _ = child.ask(tell, false);
        }
    }
}

/// Has each thread that the run of this thread starts call this first.
pub(crate) fn on_each_thread(call: impl Fn() + Send + Sync + 'static) {
    if let Some(family) = family() {
        family.call_first(Box::new(call));
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
            child.ask(|| polling::await_all(descriptors, true), false)?;
            let woken = child.wait(wait, || false);
            child.ask(|| polling::await_all(descriptors, false), true)?;
            Ok(woken)
        }
        None => {
            super::blocked(None, "it waits for a socket on the thread of its runtime");
            Err(io::Error::from_raw_os_error(libc::EDEADLK))
        }
    }
}

/// A thread of the code of a run sleeps until then.
pub(super) fn sleep_until(until: u64) -> bool {
    let Some(child) = CHILD.get() else { return false };
    child.wait(Wait { until: Some(until), ..Wait::default() }, || false);
    true
}

/// So often in a row a thread may let others go first before that takes virtual time: it may wait
/// for a thread of another run, which holds a lock for a moment.
const YIELDS_FREE: u32 = 64;

/// A thread lets others go first, for `moment` of virtual time if it does so for long.
pub(super) fn give_way(moment: u64) {
    let yielded = YIELDED.get().saturating_add(1);
    YIELDED.set(yielded);
    if yielded < YIELDS_FREE || !sleep_until(super::NOW_NS.get() + moment) {
        real_yield();
    }
}

/// Lets the other threads of this run, of one host or all, move until each of them waits or has
/// ended. Did any?
pub(super) fn settle_family(family: &Family, host: Option<u16>) -> bool {
    let mut moved = false;
    loop {
        note_outside(family);
        look_at_descriptors(family, host);
        let next = {
            let mut state = family.state();
            let next = state.next(host);
            if let Some(child) = &next {
                let clock =
                    KERNELS.with_borrow(|kernels| Some(kernels.get(&child.number)?.clock()));
                state.now = super::NOW_NS.get();
                state.clock = clock.unwrap_or(super::Clock::RIGHT);
            }
            next
        };
        let Some(child) = next else { return moved };
        moved = true;
        if !let_move(family, &child) {
            return moved;
        }
        let number = child.number;
        if family.state().bury(number) {
            KERNELS.with_borrow_mut(|kernels| kernels.remove(&number));
        }
    }
}

/// So many milliseconds of real time a thread may compute without a wait.
const PATIENCE_MS: u32 = 60_000;

#[cfg(test)]
thread_local! {
    /// What tests have instead.
    pub(super) static PATIENCE: Cell<u32> = const { Cell::new(PATIENCE_MS) };
}

#[cfg(test)]
fn patience_ms() -> u32 {
    PATIENCE.get()
}

#[cfg(not(test))]
fn patience_ms() -> u32 {
    PATIENCE_MS
}

/// Gives a thread up, unless it has handed the baton back just now. Was it given up?
pub(super) fn lose(family: &Family, child: &Child) -> bool {
    let mut lost = lock(&child.lost);
    *lost = !family.lead.has_come();
    *lost
}

/// Hands the baton to a thread, and performs what it asks, until it waits or ends. False if it does
/// neither.
fn let_move(family: &Family, child: &Child) -> bool {
    let number = child.number;
    // Its host may not be the one whose code runs.
    let image = KERNELS.with_borrow(|kernels| kernels.get(&number)?.image());
    let _turn = image.map(|image| take_turn(true, Some(image)));
    loop {
        child.baton.hand_over();
        if !family.lead.await_it_for(patience_ms()) && lose(family, child) {
            let (name, host) = (name_of(family, number), family.state().host_of(number));
            family.state().abandon(number);
            let does = stuck::doing(child.thread.load(Ordering::Relaxed));
            super::blocked(host, &format!("its thread {name} {does}, and neither waits nor ends"));
            return false;
        }
        let job = family.state().job.take();
        let Some(Job { call, of_descriptors }) = job else { return true };
        let allowed = family.state().may_call(number);
        match allowed {
            // SAFETY: it lives while its thread waits for the baton.
            Ok(()) => perform(family, number, unsafe { &mut *call }),
            // SAFETY: as above.
            Err(true) if of_descriptors => perform(family, number, unsafe { &mut *call }),
            Err(true) => {}
            Err(false) => {
                family.state().abandon(number);
                return true;
            }
        }
    }
}

/// Lets the other threads of the host whose code runs move until each of them waits or has ended.
/// Did any?
pub(super) fn settle() -> bool {
    let Some(family) = family() else { return false };
    settle_family(&family, super::kernel().map(|kernel| kernel.host()))
}

/// Performs the call of a thread on behalf of its host. It cannot move meanwhile, even if the call
/// waits for another one.
fn perform(family: &Family, number: u64, job: &mut dyn FnMut()) {
    let kernel = KERNELS.with_borrow(|kernels| kernels.get(&number).cloned());
    family.state().stand_still(number, true);
    match kernel {
        Some(kernel) => kernel.on_behalf(job),
        None => job(),
    }
    family.state().stand_still(number, false);
}

/// The name that a thread was given.
fn name_of(family: &Family, number: u64) -> String {
    let thread = family.state().thread(number);
    let mut name = [0_u8; 16];
    if let Some(thread) = thread {
        // SAFETY: the thread lives, and there is room for the longest name.
        unsafe { libc::pthread_getname_np(thread, name.as_mut_ptr().cast(), name.len()) };
    }
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    format!("{:?}", String::from_utf8_lossy(&name[..length]))
}

/// Somebody outside of the run has ended the wait of one of its threads, at a time that no seed
/// decides. That is no matter for a lock in static memory, which all runs have in common.
fn note_outside(family: &Family) {
    for word in family.take_from_outside() {
        let Some(number) = family.state().first_waiting_for(word) else { continue };
        if statics::contain(word) {
            family.state().wake(word, usize::MAX);
            continue;
        }
        let (name, host) = (name_of(family, number), family.state().host_of(number));
        super::blocked(
            host,
            &format!(
                "its thread {name} waited for what another run of this process holds: a run cannot \
                 simulate what it shares with others; give each a process of its own"
            ),
        );
        family.state().wake(word, usize::MAX);
    }
}

/// Ends the waits for descriptors that something has happened to.
fn look_at_descriptors(family: &Family, host: Option<u16>) {
    let waiting = family.state().awaited(host);
    for (number, wanted) in waiting {
        let happened = wanted.iter().any(|(fd, events)| match descriptors::get(*fd) {
            Ok(object) => {
                polling::mask(&object, *events) & (events | libc::EPOLLERR | libc::EPOLLHUP) != 0
            }
            // Closed meanwhile: the call finds that out.
            Err(_) => true,
        });
        if happened {
            family.state().wake_member(number);
        }
    }
}

/// When a thread of this run has something to do: now, if one is ready.
pub(crate) fn next_due() -> Option<u64> {
    let family = family()?;
    let state = family.state();
    if state.is_ready() { Some(super::NOW_NS.get()) } else { state.next_due(None) }
}

/// Lets the threads move whose time is up by `now`.
pub(crate) fn run_due(now: u64) {
    let Some(family) = family() else { return };
    family.state().wake_due(now);
    settle_family(&family, None);
}

/// The threads of a host stand still, or go on.
pub(crate) fn pause(host: u16, paused: bool) {
    if let Some(family) = family() {
        family.state().pause(host, paused);
    }
}

/// The process of a host is gone. Its threads come to their ends if they are about to, and never
/// move again if not; the kernel does nothing for them any more.
pub(crate) fn retire(host: u16) {
    let Some(family) = family() else { return };
    family.state().condemn(host);
    settle_family(&family, Some(host));
    let left = family.state().condemned(host);
    for number in left {
        family.state().abandon(number);
        KERNELS.with_borrow_mut(|kernels| kernels.remove(&number));
    }
}

/// Waits in virtual time until a thread has ended, if it is one of this run.
pub(super) fn await_end(thread: libc::pthread_t) {
    let Some(family) = family() else { return };
    let number = with_family(|family| family.state().number_of(thread));
    let Some(number) = number else { return };
    match CHILD.get() {
        Some(child) => {
            child.wait(Wait { end_of: Some(number), ..Wait::default() }, || false);
        }
        None => {
            let ended = || !family.state().knows(number);
            lead_waits(&family, "the end of a thread", None, None, ended);
        }
    }
}

/// Does something with the threads of this run, which this thread may be given up by: then it does
/// nothing to them.
fn with_family<R: Default>(act: impl FnOnce(&Arc<Family>) -> R) -> R {
    let Some(family) = family() else { return R::default() };
    match CHILD.try_with(Cell::get).ok().flatten() {
        Some(child) => {
            let lost = lock(&child.lost);
            if *lost { R::default() } else { act(&family) }
        }
        None => act(&family),
    }
}

/// Wakes up to `most` threads of this run that wait for a word. How many did?
pub(super) fn wake_waiters(word: usize, most: usize) -> usize {
    with_family(|family| family.state().wake(word, most))
}

/// Wakes up to `most` threads of this run that wait for a word, or tells other runs that it was
/// woken. How many did, of this run?
pub(super) fn wake_waiters_anywhere(word: usize, most: usize) -> usize {
    let woken = with_family(|family| family.state().wake(word, most));
    // A word of its own nobody else waits for, if somebody of the run did.
    if woken == 0 || woken < most && statics::contain(word) {
        wake_others(family().as_ref(), word);
    }
    woken
}

/// A thread of this run has taken the mutex in static memory, or is about to give it back.
pub(super) fn hold(mutex: usize, takes: bool) {
    with_family(|family| family.state().hold(mutex, takes));
}

/// Does a thread of this run have the mutex?
pub(super) fn is_held(mutex: usize) -> bool {
    with_family(|family| family.state().is_held(mutex))
}

/// Waits until a word is woken that has this value. False if the time is up.
pub(super) fn wait_for_word(word: &AtomicU32, value: u32, until: Option<u64>) -> bool {
    let address = std::ptr::from_ref(word) as usize;
    // Who holds a lock in static memory may be a thread of another run. Of the others, the thread of
    // the run waits for those within libraries for which it is too early to say.
    let is_shared = statics::contain(address);
    let may_be_held = is_shared || others_run() && CHILD.get().is_none();
    if may_be_held && wait_really(word, value, is_shared) {
        return true;
    }
    wait_for_address("a lock, a condition or a channel", address, until, || {
        word.load(Ordering::SeqCst) != value
    })
}

/// Waits until something at an address is woken, or is so already. False if the time is up.
pub(super) fn wait_for_address(
    what: &str,
    address: usize,
    until: Option<u64>,
    is_over: impl Fn() -> bool,
) -> bool {
    match CHILD.get() {
        Some(child) => child.wait(Wait { word: Some(address), until, ..Wait::default() }, is_over),
        None => {
            family().is_none_or(|family| lead_waits(&family, what, Some(address), until, is_over))
        }
    }
}
