//! `futex(2)`, on which all locks, channels and condition variables of Rust rest.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
};

use libc::{c_int, c_long, timespec};

use crate::interpose::{
    answers::{answer, os},
    clocks::when_over,
    lockstep::wait_for_word,
    real::real_syscall,
    refusal,
    threads::{is_inside, wake_waiters_anywhere},
};

/// Until when a futex call waits, in virtual time.
///
/// # Safety
///
/// `timeout` is null or valid.
unsafe fn deadline(operation: c_int, timeout: *const timespec) -> Option<u64> {
    if timeout.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it.
    let timeout = unsafe { timeout.read_unaligned() };
    let absolute = operation & 0x7f == libc::FUTEX_WAIT_BITSET;
    let clock = if operation & libc::FUTEX_CLOCK_REALTIME != 0 {
        libc::CLOCK_REALTIME
    } else {
        libc::CLOCK_MONOTONIC
    };
    Some(when_over(timeout, absolute.then_some(clock)))
}

/// # Safety
///
/// As `syscall(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    if number == libc::SYS_futex {
        #[expect(clippy::cast_possible_truncation, reason = "a number of C in a register")]
        let (operation, value) = (b as c_int, c as u32);
        if !is_inside() {
            if matches!(operation & 0x7f, libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET) {
                wake_waiters_anywhere(a, value as usize);
            }
            // SAFETY: the arguments are the caller's.
            return unsafe { real_syscall()(number, a, b, c, d, e, f) };
        }
        // SAFETY: the arguments are the caller's.
        if let Some(result) = unsafe { futex(a, operation, value, d as *const timespec, f) } {
            return answer(|| result.map(|woken| woken as isize)) as c_long;
        }
    }
    if is_inside() {
        // What libc asks for itself goes by where it is asked, which is here for anybody.
        match number {
            // SAFETY: they only say a number.
            libc::SYS_getpid => return c_long::from(unsafe { libc::getpid() }),
            // SAFETY: as above.
            libc::SYS_gettid => return c_long::from(unsafe { libc::gettid() }),
            libc::SYS_clone | libc::SYS_clone3 => {
                refusal::refuse("it calls clone: what it starts cannot be simulated");
                return answer(|| os::<isize>(libc::EPERM)) as c_long;
            }
            _ => {}
        }
    }
    // SAFETY: the arguments are the caller's.
    unsafe { real_syscall()(number, a, b, c, d, e, f) }
}

/// The system call on a futex, made past libc by a thread of a run; -1 with `errno` if it went wrong.
///
/// # Safety
///
/// As `futex(2)`.
pub(crate) unsafe fn answered(arguments: &[usize; 6]) -> isize {
    let [a, b, c, d, e, f] = *arguments;
    // SAFETY: the arguments are the caller's.
    unsafe { syscall(libc::SYS_futex, a, b, c, d, e, f) as isize }
}

/// A call on a futex by a thread of a run; `None` if the real kernel is to answer it.
///
/// # Safety
///
/// As `futex(2)`.
unsafe fn futex(
    address: usize,
    operation: c_int,
    value: u32,
    timeout: *const timespec,
    mask: usize,
) -> Option<io::Result<usize>> {
    match operation & 0x7f {
        libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET => {
            let most = value as usize;
            let woken = wake_waiters_anywhere(address, most);
            if woken >= most {
                return Some(Ok(woken));
            }
            // Other threads of the process may wait there, too.
            let left = most - woken;
            // SAFETY: the address is the caller's.
            let others = unsafe {
                real_syscall()(
                    libc::SYS_futex,
                    address,
                    operation.cast_unsigned() as usize,
                    left,
                    0,
                    0,
                    mask,
                )
            };
            Some(Ok(woken + usize::try_from(others).unwrap_or(0)))
        }
        libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => {
            // SAFETY: the caller vouches for the word.
            let word = unsafe { &*(address as *const AtomicU32) };
            if word.load(Ordering::SeqCst) != value {
                return Some(Err(io::Error::from_raw_os_error(libc::EAGAIN)));
            }
            // SAFETY: the caller vouches for it.
            let until = unsafe { deadline(operation, timeout) };
            let woken = wait_for_word(word, value, until);
            let up = || io::Error::from_raw_os_error(libc::ETIMEDOUT);
            Some(if woken { Ok(0) } else { Err(up()) })
        }
        _ => None,
    }
}
