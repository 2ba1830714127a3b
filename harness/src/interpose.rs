//! The operating system under the code of a run, taken over from libc.
//!
//! Unmodified Tokio and unmodified services read time through `clock_gettime`, wait in
//! `epoll_wait`, speak through sockets, start threads and draw randomness from `getrandom`. This
//! module defines those symbols in the final executable, ahead of libc's. On the thread of a run,
//! and on those that the code of the run has started, they answer from the simulation; on all
//! others they pass the call on to libc, found with `dlsym(RTLD_NEXT)`.
//!
//! These modules are the only ones of Squall with `unsafe` code. They know nothing of links or
//! faults: [`Session`] switches them on for the current thread, [`enter`] says whose [`Kernel`] is
//! called by the code that runs now, [`use_clock`] how far its clocks are off, and the free
//! functions set and read the few cells they work from.

#![expect(unsafe_code, reason = "redefines functions of libc, which is what this module is for")]

use std::{
    cell::{Cell, RefCell},
    ffi::{CStr, c_void},
    io,
    marker::PhantomData,
    rc::Rc,
    sync::atomic::{AtomicPtr, Ordering},
    task::Waker,
};

use libc::c_int;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

mod address;
mod allocator;
mod attributes;
mod calls;
mod channels;
mod clock;
mod descriptors;
mod directories;
mod disk;
mod elf;
mod family;
mod files;
mod filter;
mod flow;
mod futex;
mod handles;
mod identity;
mod kernel;
mod listing;
mod locks;
mod machine;
mod mapping;
mod names;
mod options;
mod paths;
mod patience;
mod polling;
mod random;
mod refusal;
mod signals;
mod sockets;
mod spawn;
mod statics;
mod status;
mod stopping;
mod stuck;
mod threads;
mod time;
mod transfer;
mod unix;
mod waiting;

pub use allocator::CountingAllocator;
pub(crate) use allocator::{
    count_process, live as live_bytes, live_of_process as live_bytes_of_process,
};
pub(crate) use clock::Clock;
pub(crate) use disk::{DiskAnswer, DiskRequest, FileStatus};
pub(crate) use kernel::{Kernel, Readiness, SocketOption, SocketOptionName};
pub(crate) use polling::{notify, take_hosts};
pub(crate) use signals::{Image, deliver, prepare as prepare_signals, take_turn};
pub(crate) use stopping::watch as watch_for_stop;
pub(crate) use stuck::Stuck;
pub(crate) use threads::{
    at_kernel, is_child, lend, next_due, on_each_thread, pause as pause_threads,
    retire as retire_threads, run_due,
};
pub(crate) use time::real_now;

/// What the monotonic clock shows when a run begins: whole seconds, so that Tokio's
/// millisecond ticks fall on whole milliseconds of the run.
const MONOTONIC_START_NS: u64 = 1_000_000 * 1_000_000_000;

/// What the wall clock shows when a run begins: 2026-01-01T00:00:00Z.
const REALTIME_START_NS: u64 = 1_767_225_600 * 1_000_000_000;

/// From this many clock readings without a pause on, each one takes [`SPIN_STEP_NS`], so that a
/// service that spins on the clock comes to an end.
const SPIN_READINGS: u32 = 1_000_000;
const SPIN_STEP_NS: u64 = 1_000_000;

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
    /// The kernel that the code that runs now calls.
    static KERNEL: RefCell<Option<Rc<dyn Kernel>>> = const { RefCell::new(None) };
    /// What the code of the run has done that it cannot go on from.
    static BLOCKED: RefCell<Option<Blocked>> = const { RefCell::new(None) };
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
    /// When the thread is already in a run, when the kernel lets nobody look at system calls, or when
    /// the symbols of this module are not the ones that the program calls: a program that was linked
    /// in an unusual way.
    pub(crate) fn begin(seed: u64, parts: Parts) -> Self {
        assert!(!active(), "this thread already runs a simulation");
        if let Err(error) = filter::install(parts.randomness) {
            panic!(
                "expected a seccomp filter on the thread of the run, without which a system call \
                 that goes past libc would leave the simulation unseen; found: {error}"
            );
        }
        WALL_CLOCK.set(parts.wall_clock);
        NOW_NS.set(0);
        threads::begin(seed);
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
        ROOT.set(None);
        descriptors::forget();
        unix::forget();
        directories::forget();
        ACTIVE.set(false);
        WRONG.take();
        RANDOM.set(None);
        threads::end();
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

/// Lets the code of this thread call this kernel until the guard is dropped, then the former again.
pub(crate) fn enter(kernel: Rc<dyn Kernel>) -> Entered {
    Entered(KERNEL.replace(Some(kernel)))
}

/// The guard of [`enter`].
#[must_use = "the kernel is called only while the guard lives"]
pub(crate) struct Entered(Option<Rc<dyn Kernel>>);

impl Drop for Entered {
    fn drop(&mut self) {
        KERNEL.set(self.0.take());
    }
}

fn kernel() -> Option<Rc<dyn Kernel>> {
    KERNEL.try_with(|kernel| kernel.borrow().clone()).ok().flatten()
}

/// Is this a thread of a run?
pub(crate) fn in_run() -> bool {
    active() || threads::is_child()
}

/// Is this the code of a run: on its own thread, while a host runs, or on one that it has started?
fn is_inside() -> bool {
    if active() {
        KERNEL.try_with(|kernel| kernel.borrow().is_some()).unwrap_or(false)
    } else {
        threads::is_child()
    }
}

/// What the code of a host has done that it cannot go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// The host, if it is not the one whose code runs.
    pub(crate) host: Option<u16>,
    pub(crate) what: String,
}

/// The code of a host has done something that it cannot go on from.
fn blocked(host: Option<u16>, what: &str) {
    BLOCKED.with_borrow_mut(|blocked| {
        blocked.get_or_insert_with(|| Blocked { host, what: what.to_owned() });
    });
}

/// What the code of a host has done that it cannot go on from, since this was last asked.
pub(crate) fn take_blocked() -> Option<Blocked> {
    BLOCKED.take()
}

/// A thread that the code of a run has started begins.
fn begin_child(seed: u64) {
    RANDOM.set(Some(ChaCha8Rng::seed_from_u64(seed)));
}

/// It ends.
fn end_child() {
    let _ = RANDOM.try_with(RefCell::take);
}

/// The number of an error, as C has it.
fn errno(error: &io::Error) -> c_int {
    error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::WouldBlock => libc::EAGAIN,
        io::ErrorKind::ConnectionReset => libc::ECONNRESET,
        io::ErrorKind::ConnectionRefused => libc::ECONNREFUSED,
        io::ErrorKind::ConnectionAborted => libc::ECONNABORTED,
        io::ErrorKind::TimedOut => libc::ETIMEDOUT,
        io::ErrorKind::BrokenPipe => libc::EPIPE,
        io::ErrorKind::NotConnected => libc::ENOTCONN,
        io::ErrorKind::AddrInUse => libc::EADDRINUSE,
        io::ErrorKind::AddrNotAvailable => libc::EADDRNOTAVAIL,
        io::ErrorKind::InvalidInput => libc::EINVAL,
        _ => libc::EIO,
    })
}

/// The function of libc that a symbol of this module stands in front of.
struct Next {
    name: &'static CStr,
    /// glibc has two of it on x86-64, of which `dlsym` may find the one of before 2003.
    has_two: bool,
    found: AtomicPtr<c_void>,
}

impl Next {
    /// `name` ends with a zero, as C has it.
    const fn named(name: &'static str) -> Self {
        match CStr::from_bytes_with_nul(name.as_bytes()) {
            Ok(name) => Self { name, has_two: false, found: AtomicPtr::new(std::ptr::null_mut()) },
            Err(_) => panic!("expected a zero at the end of a name of C, and no other"),
        }
    }

    /// One of the functions on conditions.
    const fn versioned(name: &'static str) -> Self {
        Self { has_two: true, ..Self::named(name) }
    }

    fn get(&self) -> *mut c_void {
        let found = self.found.load(Ordering::Relaxed);
        if !found.is_null() {
            return found;
        }
        let mut found = std::ptr::null_mut();
        if self.has_two && cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
            // SAFETY: as below; the version is a C string, too.
            found = unsafe {
                libc::dlvsym(libc::RTLD_NEXT, self.name.as_ptr(), c"GLIBC_2.3.2".as_ptr())
            };
        }
        if found.is_null() {
            // SAFETY: the name is a C string, and RTLD_NEXT asks for the definition after ours.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        }
        if found.is_null() {
            // Without libc's own function nothing in the process can go on.
            std::process::abort();
        }
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

#[cfg(test)]
mod tests;
