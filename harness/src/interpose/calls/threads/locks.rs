//! Mutexes and conditions of C, which code of C and C++ in a service waits with.
//!
//! What is not contended is left to libc. A thread that would wait does so in virtual time, for the
//! address of what it waits for.

use std::cell::Cell;

use libc::{c_int, clockid_t, pthread_cond_t, pthread_mutex_t, timespec};

use crate::interpose::{
    clocks::when_over,
    lockstep::{await_outside, wait_for_address},
    program::statics,
    real::Next,
    refusal,
    threads::{hold, is_held, is_inside, wake_waiters, wake_waiters_anywhere},
};

type OnMutex = unsafe extern "C" fn(*mut pthread_mutex_t) -> c_int;
type OnCondition = unsafe extern "C" fn(*mut pthread_cond_t) -> c_int;

fn on_mutex(next: &Next) -> OnMutex {
    // SAFETY: this is a function of libc's with that type.
    unsafe { std::mem::transmute(next.get()) }
}

/// Wakes who waits for the mutex or the condition at an address.
fn wake(address: usize, most: usize) {
    if is_inside() && !statics::contain(address) {
        wake_waiters(address, most);
    } else {
        wake_waiters_anywhere(address, most);
    }
}

/// Takes a mutex, if it is free.
fn try_to_take(mutex: *mut pthread_mutex_t) -> c_int {
    static TRY: Next = Next::named("pthread_mutex_trylock\0");
    // SAFETY: the mutex is the caller's.
    let result = unsafe { on_mutex(&TRY)(mutex) };
    if result == 0 && is_inside() && statics::contain(mutex as usize) {
        hold(mutex as usize, true);
    }
    result
}

/// Takes a mutex, in virtual time if a thread of this run has it, or in real time if somebody else
/// does, who knows no other.
fn take(mutex: *mut pthread_mutex_t, until: Option<u64>) -> c_int {
    let is_shared = statics::contain(mutex as usize);
    let result = Cell::new(try_to_take(mutex));
    let taken = || {
        result.set(try_to_take(mutex));
        result.get() != libc::EBUSY
    };
    while result.get() == libc::EBUSY {
        if is_shared && !is_held(mutex as usize) {
            if await_outside(taken) {
                break;
            }
            refusal::refuse(
                "it waits for a mutex in static memory, which somebody outside of the run keeps",
            );
        }
        // The thread of the run has it when that is over; others try again.
        let in_time = wait_for_address("a mutex", mutex as usize, until, taken);
        if result.get() == libc::EBUSY && !taken() && !in_time {
            return libc::ETIMEDOUT;
        }
    }
    result.get()
}

/// # Safety
///
/// As `pthread_mutex_lock(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int {
    static NEXT: Next = Next::named("pthread_mutex_lock\0");
    if is_inside() {
        return take(mutex, None);
    }
    // SAFETY: the mutex is the caller's.
    unsafe { on_mutex(&NEXT)(mutex) }
}

/// # Safety
///
/// As `pthread_mutex_trylock(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_trylock(mutex: *mut pthread_mutex_t) -> c_int {
    try_to_take(mutex)
}

/// # Safety
///
/// As `pthread_mutex_timedlock(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_timedlock(
    mutex: *mut pthread_mutex_t,
    until: *const timespec,
) -> c_int {
    static NEXT: Next = Next::named("pthread_mutex_timedlock\0");
    if is_inside() {
        // SAFETY: the caller vouches for it.
        let until = when_over(unsafe { until.read_unaligned() }, Some(libc::CLOCK_REALTIME));
        return take(mutex, Some(until));
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(*mut pthread_mutex_t, *const timespec) -> c_int =
            std::mem::transmute(NEXT.get());
        next(mutex, until)
    }
}

/// # Safety
///
/// As `pthread_mutex_unlock(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int {
    static NEXT: Next = Next::named("pthread_mutex_unlock\0");
    // Before somebody else has it.
    let is_shared = is_inside() && statics::contain(mutex as usize);
    if is_shared {
        hold(mutex as usize, false);
    }
    // SAFETY: the mutex is the caller's.
    let result = unsafe { on_mutex(&NEXT)(mutex) };
    if result != 0 && is_shared {
        hold(mutex as usize, true);
    }
    wake(mutex as usize, 1);
    result
}

/// Waits for a condition without its mutex, and takes that again.
///
/// # Safety
///
/// As `pthread_cond_wait(3)`.
unsafe fn wait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    until: Option<u64>,
) -> c_int {
    // SAFETY: the mutex is the caller's, who has it.
    let result = unsafe { pthread_mutex_unlock(mutex) };
    if result != 0 {
        return result;
    }
    let woken = wait_for_address("a condition", condition as usize, until, || false);
    // SAFETY: as above.
    match unsafe { pthread_mutex_lock(mutex) } {
        0 if !woken => libc::ETIMEDOUT,
        result => result,
    }
}

/// # Safety
///
/// As `pthread_cond_wait(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_wait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
) -> c_int {
    type Function = unsafe extern "C" fn(*mut pthread_cond_t, *mut pthread_mutex_t) -> c_int;
    static NEXT: Next = Next::versioned("pthread_cond_wait\0");
    if is_inside() {
        // SAFETY: both are the caller's.
        return unsafe { wait(condition, mutex, None) };
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe { std::mem::transmute::<*mut _, Function>(NEXT.get())(condition, mutex) }
}

/// The first second of the real-time clock that is not of the monotonic one.
const REALTIME_FROM: i64 = 1_000_000_000;

/// # Safety
///
/// As `pthread_cond_timedwait(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    until: *const timespec,
) -> c_int {
    type Function =
        unsafe extern "C" fn(*mut pthread_cond_t, *mut pthread_mutex_t, *const timespec) -> c_int;
    static NEXT: Next = Next::versioned("pthread_cond_timedwait\0");
    if is_inside() {
        // SAFETY: the caller vouches for it.
        let time = unsafe { until.read_unaligned() };
        // Which clock was chosen for the condition is not to be seen from outside of libc.
        let clock =
            if time.tv_sec >= REALTIME_FROM { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC };
        // SAFETY: both are the caller's.
        return unsafe { wait(condition, mutex, Some(when_over(time, Some(clock)))) };
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe { std::mem::transmute::<*mut _, Function>(NEXT.get())(condition, mutex, until) }
}

/// # Safety
///
/// As `pthread_cond_clockwait(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_clockwait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    clock: clockid_t,
    until: *const timespec,
) -> c_int {
    type Function = unsafe extern "C" fn(
        *mut pthread_cond_t,
        *mut pthread_mutex_t,
        clockid_t,
        *const timespec,
    ) -> c_int;
    static NEXT: Next = Next::named("pthread_cond_clockwait\0");
    if is_inside() {
        // SAFETY: the caller vouches for it.
        let until = when_over(unsafe { until.read_unaligned() }, Some(clock));
        // SAFETY: both are the caller's.
        return unsafe { wait(condition, mutex, Some(until)) };
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe { std::mem::transmute::<*mut _, Function>(NEXT.get())(condition, mutex, clock, until) }
}

/// # Safety
///
/// As `pthread_cond_signal(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_signal(condition: *mut pthread_cond_t) -> c_int {
    static NEXT: Next = Next::versioned("pthread_cond_signal\0");
    wake(condition as usize, 1);
    // SAFETY: this is libc's function of that name and type, and the argument is the caller's.
    unsafe { std::mem::transmute::<*mut _, OnCondition>(NEXT.get())(condition) }
}

/// # Safety
///
/// As `pthread_cond_broadcast(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_broadcast(condition: *mut pthread_cond_t) -> c_int {
    static NEXT: Next = Next::versioned("pthread_cond_broadcast\0");
    wake(condition as usize, usize::MAX);
    // SAFETY: this is libc's function of that name and type, and the argument is the caller's.
    unsafe { std::mem::transmute::<*mut _, OnCondition>(NEXT.get())(condition) }
}
