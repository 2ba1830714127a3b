//! Clocks and sleep.

use std::ffi::c_void;

use libc::{c_int, clockid_t, timespec};

use super::{
    CLOCK, MONOTONIC_START_NS, NOW_NS, Next, READINGS, REALTIME_START_NS, Readings, SPIN_READINGS,
    SPIN_STEP_NS, WALL_CLOCK, WRONG,
    calls::{answer, os},
    filter, futex, in_run, refusal,
    threads::{self, is_child},
};

/// How long a thread that yields again and again lets others go first: so long that what it waits for
/// can come.
const YIELD_NS: u64 = 1_000;

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
    static NEXT: Next = Next::named("clock_gettime\0");
    if in_run()
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
    static NEXT: Next = Next::named("gettimeofday\0");
    if in_run() && WALL_CLOCK.get() && !out.is_null() {
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

/// # Safety
///
/// As `time(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn time(out: *mut libc::time_t) -> libc::time_t {
    static NEXT: Next = Next::named("time\0");
    if in_run() && WALL_CLOCK.get() {
        let seconds = to_timespec(read_wall_clock()).tv_sec;
        if !out.is_null() {
            // SAFETY: the caller vouches for it.
            unsafe { out.write(seconds) };
        }
        return seconds;
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(*mut libc::time_t) -> libc::time_t =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(out) }
}

/// When a time of C is over, in nanoseconds since the run began: one that is counted from now on, or
/// what a clock shows then.
pub(super) fn until(time: timespec, of: Option<clockid_t>) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let asked = seconds.saturating_mul(1_000_000_000) + u64::try_from(time.tv_nsec).unwrap_or(0);
    let (now, clock) = (NOW_NS.get(), CLOCK.get());
    let shown = clock.monotonic(now);
    let until = match of {
        None => clock.when(shown.saturating_add(asked)),
        Some(of) => {
            let epoch = match of {
                // What the wall clock showed when the monotonic one began.
                libc::CLOCK_REALTIME => {
                    REALTIME_START_NS.saturating_add_signed(clock.wall(now) - shown.cast_signed())
                }
                _ => MONOTONIC_START_NS,
            };
            clock.when(asked.saturating_sub(epoch))
        }
    };
    until.max(now)
}

/// A thread that sleeps instead of waiting asynchronously: the thread of a runtime keeps its host's
/// processor busy, one of its own waits.
pub(super) fn pass_until(until: u64) {
    if !threads::sleep_until(until) {
        NOW_NS.set(NOW_NS.get().max(until));
    }
}

/// # Safety
///
/// As `nanosleep(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(request: *const timespec, left: *mut timespec) -> c_int {
    static NEXT: Next = Next::named("nanosleep\0");
    if in_run() {
        // SAFETY: the caller vouches for `request`.
        pass_until(until(unsafe { *request }, None));
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
    static NEXT: Next = Next::named("clock_nanosleep\0");
    if in_run() {
        let of = (flags & libc::TIMER_ABSTIME != 0).then_some(clock);
        // SAFETY: the caller vouches for `request`.
        pass_until(until(unsafe { *request }, of));
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
/// As `sched_yield(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sched_yield() -> c_int {
    if is_child() {
        threads::give_way(YIELD_NS);
    } else {
        // Past libc's own, whose system call the filter hands to this function.
        futex::real_yield();
    }
    0
}

/// A time of C as the milliseconds that `epoll_wait(2)` has, rounded up.
///
/// # Safety
///
/// `timeout` is null or valid.
pub(super) unsafe fn milliseconds(timeout: *const timespec) -> c_int {
    if timeout.is_null() {
        return -1;
    }
    // SAFETY: the caller vouches for it.
    let timeout = unsafe { timeout.read_unaligned() };
    let seconds = timeout.tv_sec.saturating_mul(1_000);
    let whole = seconds.saturating_add((timeout.tv_nsec + 999_999) / 1_000_000);
    c_int::try_from(whole.max(0)).unwrap_or(c_int::MAX)
}

/// `select(2)` of no descriptors, which is a sleep. Of others there are none: its sets have no room for
/// the numbers of simulated ones.
///
/// # Safety
///
/// `timeout` is null or valid.
pub(super) unsafe fn select(descriptors: c_int, timeout: *const timespec) -> isize {
    if descriptors > 0 || timeout.is_null() {
        refusal::refuse(
            "it waits with select, which has no room for the numbers of simulated descriptors: use \
             poll",
        );
        return answer(|| os::<isize>(libc::EINVAL));
    }
    // SAFETY: the caller vouches for it.
    pass_until(until(unsafe { timeout.read_unaligned() }, None));
    0
}

/// The real monotonic clock, for the limits of the harness itself.
pub(crate) fn real_now() -> std::time::Duration {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    let clock = libc::CLOCK_MONOTONIC.unsigned_abs() as usize;
    // SAFETY: `now` is a valid place; the system call has no other effect.
    unsafe { filter::really(libc::SYS_clock_gettime, [clock, (&raw mut now) as usize, 0, 0, 0]) };
    std::time::Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
