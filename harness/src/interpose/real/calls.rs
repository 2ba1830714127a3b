//! System calls that the real kernel answers.

use std::{cell::Cell, time::Duration};

use libc::{c_char, c_int, c_long, c_ulong, timespec};

use super::next::Next;

type Syscall = unsafe extern "C" fn(c_long, usize, usize, usize, usize, usize, usize) -> c_long;

/// Libc's own function that makes any system call.
pub(crate) fn real_syscall() -> Syscall {
    static NEXT: Next = Next::named("syscall\0");
    // SAFETY: this is libc's function of that name and type.
    unsafe { std::mem::transmute(NEXT.get()) }
}

/// What the last argument of a call is that is meant for the real kernel: it has fewer.
pub(crate) const MEANT: u32 = 0x7371_6c6c;

thread_local! {
    /// Whether a function of libc runs for what the simulation does not have: the system calls that it
    /// makes are meant for the real kernel.
    static PASSING: Cell<bool> = const { Cell::new(false) };
}

/// Passes a call on to libc's function, and what that asks to the real kernel.
pub(crate) fn passing<R>(call: impl FnOnce() -> R) -> R {
    let before = PASSING.replace(true);
    let result = call();
    PASSING.set(before);
    result
}

/// Does such a function run on this thread?
pub(crate) fn is_passing() -> bool {
    PASSING.get()
}

/// Opens what is in the real file system.
///
/// # Safety
///
/// As `openat(2)`.
pub(crate) unsafe fn open_really(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the arguments are the caller's; the last one is ignored by the kernel.
    let result = unsafe {
        libc::syscall(libc::SYS_openat, directory, path, flags, 0, 0, c_ulong::from(MEANT))
    };
    c_int::try_from(result).unwrap_or(-1)
}

/// Makes a system call of up to five arguments that the filter lets through. What it returns is
/// libc's.
///
/// # Safety
///
/// As the call.
pub(crate) unsafe fn really(number: c_long, arguments: [usize; 5]) -> c_long {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the arguments are the caller's; the last one is ignored by the kernel.
    unsafe { real_syscall()(number, a, b, c, d, e, MEANT as usize) }
}

/// The real monotonic clock, for the limits of the harness itself.
pub(crate) fn real_now() -> Duration {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    let clock = libc::CLOCK_MONOTONIC.unsigned_abs() as usize;
    // SAFETY: `now` is a valid place; the system call has no other effect.
    unsafe { really(libc::SYS_clock_gettime, [clock, (&raw mut now) as usize, 0, 0, 0]) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
