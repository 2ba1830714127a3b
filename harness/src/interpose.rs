//! The clocks, the randomness and the waiting of a run's thread, taken over from libc.
//!
//! Unmodified Tokio and unmodified services read time through `clock_gettime`, wait in
//! `epoll_wait`, wake each other through an eventfd and draw randomness from `getrandom`. This
//! module defines those symbols in the final executable, ahead of libc's. On a thread that is
//! running a simulation they answer from the simulation; on all others they pass the call on to
//! libc, found with `dlsym(RTLD_NEXT)`.
//!
//! This module, with its allocator, is the only one of Squall with `unsafe` code. It knows nothing
//! of hosts or networks: [`Session`] switches it on for the current thread, [`use_clock`] says how
//! far the clocks are off for the code that runs now, and the free functions set and read the few
//! cells it works from.

#![expect(unsafe_code, reason = "redefines functions of libc, which is what this module is for")]

use std::{
    cell::{Cell, RefCell},
    ffi::{CStr, c_void},
    marker::PhantomData,
    sync::atomic::{AtomicPtr, Ordering},
    task::Waker,
};

use libc::{c_int, clockid_t, size_t, ssize_t, timespec};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

mod allocator;
mod clock;

pub use allocator::CountingAllocator;
pub(crate) use allocator::live as live_bytes;
pub(crate) use clock::Clock;

/// What the monotonic clock shows when a run begins: whole seconds, so that Tokio's
/// millisecond ticks fall on whole milliseconds of the run.
const MONOTONIC_START_NS: u64 = 1_000_000 * 1_000_000_000;

/// What the wall clock shows when a run begins: 2026-01-01T00:00:00Z.
const REALTIME_START_NS: u64 = 1_767_225_600 * 1_000_000_000;

/// From this many clock readings without a pause on, each one takes [`SPIN_STEP_NS`], so that a
/// service that spins on the clock comes to an end.
const SPIN_READINGS: u32 = 1_000_000;
const SPIN_STEP_NS: u64 = 1_000_000;

/// The root future is woken at each of so many looks at `epoll_wait`, so that it can end a run
/// whose tasks never are idle.
const LOOKS_APART: u32 = 256;

/// Which parts of the interposition act. Everything, except in tests of the harness that show
/// what goes wrong without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// `getrandom` answers from the seed.
    pub(crate) randomness: bool,
    /// The wall clock shows virtual time.
    pub(crate) wall_clock: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self { randomness: true, wall_clock: true }
    }
}

thread_local! {
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    static WALL_CLOCK: Cell<bool> = const { Cell::new(true) };
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
    static READINGS: Cell<u32> = const { Cell::new(0) };
    /// The clocks of the code that runs now.
    static CLOCK: Cell<Clock> = const { Cell::new(Clock::RIGHT) };
    static WRONG: Cell<Readings> = const { Cell::new(Readings { wall: 0, monotonic: 0 }) };
    /// What the last `epoll_wait` was asked to wait for.
    static WAIT_MS: Cell<Option<i32>> = const { Cell::new(None) };
    /// How often `epoll_wait` was asked for a look without waiting.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    static ROOT: RefCell<Option<Waker>> = const { RefCell::new(None) };
    static RANDOM: RefCell<Option<ChaCha8Rng>> = const { RefCell::new(None) };
    /// The eventfds that were written to since the list was last taken.
    static WOKEN: RefCell<Vec<c_int>> = const { RefCell::new(Vec::new()) };
    /// The eventfds of the runtimes of this thread's run.
    static WAKE_FDS: RefCell<Vec<c_int>> = const { RefCell::new(Vec::new()) };
    static CAPTURE: Cell<bool> = const { Cell::new(false) };
    /// Whether a thread was started.
    static STARTED_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Simulated time and randomness on this thread, until it is dropped.
#[must_use = "the thread is simulated only while the session lives"]
pub(crate) struct Session {
    /// A session belongs to the thread that began it.
    not_send: PhantomData<*const ()>,
}

impl Session {
    /// Begins a run on this thread at virtual time zero.
    ///
    /// # Panics
    ///
    /// When the thread is already in a run, or when the symbols of this module are not the ones
    /// that the program calls: a program that was linked in an unusual way.
    pub(crate) fn begin(seed: u64, parts: Parts) -> Self {
        assert!(!active(), "this thread already runs a simulation");
        WALL_CLOCK.set(parts.wall_clock);
        NOW_NS.set(0);
        STARTED_THREAD.set(false);
        RANDOM.set(parts.randomness.then(|| ChaCha8Rng::seed_from_u64(seed)));
        ACTIVE.set(true);
        let session = Self { not_send: PhantomData };
        session.check();
        session
    }

    fn check(&self) {
        let before = std::time::Instant::now();
        NOW_NS.set(1_000_000);
        let passed = before.elapsed();
        NOW_NS.set(0);
        assert_eq!(
            passed,
            std::time::Duration::from_millis(1),
            "the clocks of this program are not squall's: it must be linked so that symbols of \
             the executable come before those of libc"
        );
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        ACTIVE.set(false);
        WRONG.take();
        RANDOM.set(None);
        ROOT.set(None);
        WOKEN.take();
        WAKE_FDS.take();
    }
}

/// Is this thread running a simulation?
pub(crate) fn active() -> bool {
    ACTIVE.try_with(Cell::get).unwrap_or(false)
}

/// Virtual time of the code that runs now, in nanoseconds since the run began.
pub(crate) fn now() -> u64 {
    NOW_NS.get()
}

/// How often clocks were read that were off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readings {
    /// Of the wall clock, when it did not show the right time.
    pub(crate) wall: u64,
    /// Of the monotonic clock, when its speed had put it off.
    pub(crate) monotonic: u64,
}

/// Lets the code of this thread see these clocks until the guard is dropped.
pub(crate) fn use_clock(clock: Clock) -> ClockInUse {
    ClockInUse(CLOCK.replace(clock))
}

/// The guard of [`use_clock`].
#[must_use = "the clock is in use only while the guard lives"]
pub(crate) struct ClockInUse(Clock);

impl Drop for ClockInUse {
    fn drop(&mut self) {
        CLOCK.set(self.0);
    }
}

/// How often clocks were read that were off, since this was last asked.
pub(crate) fn take_wrong_readings() -> Readings {
    WRONG.take()
}

/// Sets virtual time, and forgives the clock readings so far.
pub(crate) fn set_now(now: u64) {
    NOW_NS.set(now);
    READINGS.set(0);
}

/// What the wall clock in use shows at `at`.
pub(crate) fn wall_clock(at: u64) -> std::time::SystemTime {
    let shown = REALTIME_START_NS.saturating_add_signed(CLOCK.get().wall(at));
    std::time::UNIX_EPOCH + std::time::Duration::from_nanos(shown)
}

/// Forgets what `epoll_wait` was last asked, and remembers whom to wake when it is asked again.
pub(crate) fn expect_idle(root: &Waker) {
    WAIT_MS.set(None);
    LOOKS.set(0);
    ROOT.with_borrow_mut(|slot| match slot {
        Some(waker) => waker.clone_from(root),
        None => *slot = Some(root.clone()),
    });
}

/// What `epoll_wait` was asked since [`expect_idle`]: milliseconds until the next timer, or a
/// negative number for no timer.
pub(crate) fn idle_for() -> Option<i32> {
    WAIT_MS.get()
}

/// Takes the list of eventfds that were written to.
pub(crate) fn take_woken(into: &mut Vec<c_int>) {
    into.clear();
    WOKEN.with_borrow_mut(|woken| std::mem::swap(woken, into));
}

/// Learns the eventfd that `wake` writes to. From then on writes to it are taken note of.
///
/// # Panics
///
/// When `wake` writes to none.
pub(crate) fn capture_wake_fd(wake: impl FnOnce()) -> c_int {
    CAPTURE.set(true);
    let before = WAKE_FDS.with_borrow(Vec::len);
    wake();
    CAPTURE.set(false);
    WAKE_FDS.with_borrow(|fds| {
        assert!(fds.len() > before, "a runtime was woken without its eventfd");
        fds[fds.len() - 1]
    })
}

/// Forgets an eventfd, whose number may come again for something else.
pub(crate) fn forget_wake_fd(fd: c_int) {
    WAKE_FDS.with_borrow_mut(|fds| fds.retain(|known| *known != fd));
    WOKEN.with_borrow_mut(|fds| fds.retain(|known| *known != fd));
}

/// Was a thread started since this was last asked?
pub(crate) fn take_started_thread() -> bool {
    STARTED_THREAD.take()
}

/// The function of libc that a symbol of this module stands in front of.
struct Next {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(std::ptr::null_mut()) }
    }

    fn get(&self) -> *mut c_void {
        let found = self.found.load(Ordering::Relaxed);
        if !found.is_null() {
            return found;
        }
        // SAFETY: the name is a C string, and RTLD_NEXT asks for the definition after ours.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        if found.is_null() {
            // Without libc's own function nothing in the process can go on.
            std::process::abort();
        }
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

fn read_clock() -> u64 {
    let readings = READINGS.get().saturating_add(1);
    READINGS.set(readings);
    if readings > SPIN_READINGS {
        NOW_NS.set(NOW_NS.get() + SPIN_STEP_NS);
    }
    NOW_NS.get()
}

fn to_timespec(ns: u64) -> timespec {
    // Both parts are far below the limits of their types.
    timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ }
}

fn read_wall_clock() -> u64 {
    let now = read_clock();
    let shown = CLOCK.get().wall(now);
    if shown != now.cast_signed() {
        let wrong = WRONG.get();
        WRONG.set(Readings { wall: wrong.wall + 1, ..wrong });
    }
    REALTIME_START_NS.saturating_add_signed(shown)
}

fn read_monotonic_clock() -> u64 {
    let (now, clock) = (read_clock(), CLOCK.get());
    if clock.has_drifted(now) {
        let wrong = WRONG.get();
        WRONG.set(Readings { monotonic: wrong.monotonic + 1, ..wrong });
    }
    MONOTONIC_START_NS + clock.monotonic(now)
}

/// What a clock shows in the simulation; `None` for a clock that is left alone.
fn virtual_clock(clock: clockid_t) -> Option<u64> {
    match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => {
            WALL_CLOCK.get().then(read_wall_clock)
        }
        _ => Some(read_monotonic_clock()),
    }
}

/// # Safety
///
/// As `clock_gettime(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, out: *mut timespec) -> c_int {
    static NEXT: Next = Next::new(c"clock_gettime");
    if active()
        && let Some(ns) = virtual_clock(clock)
    {
        // SAFETY: the caller vouches for `out`.
        unsafe { out.write(to_timespec(ns)) };
        return 0;
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(clock, out) }
}

/// # Safety
///
/// As `gettimeofday(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(out: *mut libc::timeval, zone: *mut c_void) -> c_int {
    static NEXT: Next = Next::new(c"gettimeofday");
    if active() && WALL_CLOCK.get() && !out.is_null() {
        let now = to_timespec(read_wall_clock());
        // SAFETY: the caller vouches for `out`.
        unsafe { out.write(libc::timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1_000 }) };
        return 0;
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(*mut libc::timeval, *mut c_void) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(out, zone) }
}

/// A thread that sleeps instead of waiting asynchronously keeps its host's processor busy.
fn sleep_virtually(request: timespec, until: Option<u64>) {
    let nanoseconds = |t: timespec| {
        u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0)
    };
    let asked = nanoseconds(request);
    let (now, clock) = (NOW_NS.get(), CLOCK.get());
    let shown = clock.monotonic(now);
    NOW_NS.set(match until {
        Some(epoch) => now.max(clock.when(asked.saturating_sub(epoch))),
        None => clock.when(shown + asked).max(now),
    });
}

/// # Safety
///
/// As `nanosleep(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(request: *const timespec, left: *mut timespec) -> c_int {
    static NEXT: Next = Next::new(c"nanosleep");
    if active() {
        // SAFETY: the caller vouches for `request`.
        sleep_virtually(unsafe { *request }, None);
        return 0;
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(*const timespec, *mut timespec) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(request, left) }
}

/// # Safety
///
/// As `clock_nanosleep(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    request: *const timespec,
    left: *mut timespec,
) -> c_int {
    static NEXT: Next = Next::new(c"clock_nanosleep");
    if active() {
        let now = NOW_NS.get();
        let epoch = match clock {
            // What the wall clock showed when the monotonic one began.
            libc::CLOCK_REALTIME => REALTIME_START_NS.saturating_add_signed(
                CLOCK.get().wall(now) - CLOCK.get().monotonic(now).cast_signed(),
            ),
            _ => MONOTONIC_START_NS,
        };
        let until = (flags & libc::TIMER_ABSTIME != 0).then_some(epoch);
        // SAFETY: the caller vouches for `request`.
        sleep_virtually(unsafe { *request }, until);
        return 0;
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(clockid_t, c_int, *const timespec, *mut timespec) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(clock, flags, request, left) }
}

/// # Safety
///
/// As `epoll_wait(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    epoll: c_int,
    events: *mut libc::epoll_event,
    most: c_int,
    timeout_ms: c_int,
) -> c_int {
    static NEXT: Next = Next::new(c"epoll_wait");
    if active() {
        // A runtime that would wait has nothing to do: its root future takes over. A timeout of
        // zero is a look in between tasks, and there is never anything to see.
        if timeout_ms != 0 {
            WAIT_MS.set(Some(timeout_ms));
        } else {
            LOOKS.set(LOOKS.get().wrapping_add(1));
        }
        if timeout_ms != 0 || LOOKS.get().is_multiple_of(LOOKS_APART) {
            ROOT.with_borrow(|root| root.as_ref().map(Waker::wake_by_ref));
        }
        return 0;
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(c_int, *mut libc::epoll_event, c_int, c_int) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(epoll, events, most, timeout_ms) }
}

/// # Safety
///
/// As `write(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    static NEXT: Next = Next::new(c"write");
    if count == size_of::<u64>() && active() && woke(fd) {
        return size_of::<u64>().cast_signed();
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(c_int, *const c_void, size_t) -> ssize_t =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(fd, bytes, count) }
}

/// Takes note when `fd` is the eventfd of a runtime.
fn woke(fd: c_int) -> bool {
    if CAPTURE.replace(false) {
        WAKE_FDS.with_borrow_mut(|fds| fds.push(fd));
        return true;
    }
    let known = WAKE_FDS.with_borrow(|fds| fds.contains(&fd));
    if known {
        WOKEN.with_borrow_mut(|woken| {
            if woken.last() != Some(&fd) {
                woken.push(fd);
            }
        });
    }
    known
}

/// # Safety
///
/// As `getrandom(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(bytes: *mut c_void, count: size_t, flags: libc::c_uint) -> ssize_t {
    static NEXT: Next = Next::new(c"getrandom");
    if active() {
        let filled = RANDOM.with_borrow_mut(|random| {
            let random = random.as_mut()?;
            // A request for nothing comes with a pointer to nothing.
            if count > 0 {
                // SAFETY: the caller vouches for `count` bytes at `bytes`.
                let out = unsafe { std::slice::from_raw_parts_mut(bytes.cast::<u8>(), count) };
                random.fill_bytes(out);
            }
            Some(count.cast_signed())
        });
        if let Some(filled) = filled {
            return filled;
        }
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(*mut c_void, size_t, libc::c_uint) -> ssize_t =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(bytes, count, flags) }
}

/// # Safety
///
/// As `pthread_create(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: extern "C" fn(*mut c_void) -> *mut c_void,
    argument: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        extern "C" fn(*mut c_void) -> *mut c_void,
        *mut c_void,
    ) -> c_int;
    static NEXT: Next = Next::new(c"pthread_create");
    // The thread is real, and its own clocks are: only that it was started is taken note of.
    if active() {
        STARTED_THREAD.set(true);
    }
    // SAFETY: this is libc's function of that name and type.
    let next: Create = unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(thread, attributes, start, argument) }
}

/// The real monotonic clock, for the limits of the harness itself.
pub(crate) fn real_now() -> std::time::Duration {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place; the system call has no other effect.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &raw mut now) };
    std::time::Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
