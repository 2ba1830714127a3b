//! Clocks and sleep.

use std::ffi::c_void;

use libc::{c_int, clockid_t, timespec};

use crate::interpose::{
    answers::{answer, os},
    clocks::{read_clock_of, read_wall_clock_of_run, when_over},
    lockstep::{give_way, pass_until},
    real::{Next, real_yield},
    refusal,
    threads::{in_run, is_child},
};

/// How long a thread that yields again and again lets others go first: so long that what it waits for
/// can come.
const YIELD_NS: u64 = 1_000;

fn to_timespec(ns: u64) -> timespec {
    // Both parts are far below the limits of their types.
    timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ }
}

/// # Safety
///
/// As `clock_gettime(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, out: *mut timespec) -> c_int {
    static NEXT: Next = Next::named("clock_gettime\0");
    if in_run()
        && let Some(ns) = read_clock_of(clock)
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
    if in_run()
        && !out.is_null()
        && let Some(ns) = read_wall_clock_of_run()
    {
        let now = to_timespec(ns);
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
    if in_run()
        && let Some(ns) = read_wall_clock_of_run()
    {
        let seconds = to_timespec(ns).tv_sec;
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

/// # Safety
///
/// As `nanosleep(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(request: *const timespec, left: *mut timespec) -> c_int {
    static NEXT: Next = Next::named("nanosleep\0");
    if in_run() {
        // SAFETY: the caller vouches for `request`.
        pass_until(when_over(unsafe { *request }, None));
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
        pass_until(when_over(unsafe { *request }, of));
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
        give_way(YIELD_NS);
    } else {
        // Past libc's own, whose system call the filter hands to this function.
        real_yield();
    }
    0
}

/// A time of C as the milliseconds that `epoll_wait(2)` has, rounded up.
///
/// # Safety
///
/// `timeout` is null or valid.
pub(crate) unsafe fn milliseconds(timeout: *const timespec) -> c_int {
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
pub(crate) unsafe fn select(descriptors: c_int, timeout: *const timespec) -> isize {
    if descriptors > 0 || timeout.is_null() {
        refusal::refuse(
            "it waits with select, which has no room for the numbers of simulated descriptors: use \
             poll",
        );
        return answer(|| os::<isize>(libc::EINVAL));
    }
    // SAFETY: the caller vouches for it.
    pass_until(when_over(unsafe { timeout.read_unaligned() }, None));
    0
}
