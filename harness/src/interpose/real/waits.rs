//! Waiting in real time, which nobody in a run sees.

use std::sync::atomic::AtomicU32;

use libc::{c_int, timespec};

use super::calls::{real_syscall, really};

/// Waits or wakes in real time.
pub(crate) fn real_futex(word: &AtomicU32, operation: c_int, value: u32) {
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word lives as long as the call.
    unsafe {
        real_syscall()(
            libc::SYS_futex,
            std::ptr::from_ref(word) as usize,
            operation.cast_unsigned() as usize,
            value as usize,
            0,
            0,
            0,
        );
    }
}

/// Waits for a millisecond of real time at the most, while the word has this value. Was it woken?
pub(crate) fn real_wait(word: &AtomicU32, value: u32) -> bool {
    let most = timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: both live as long as the call.
    unsafe {
        real_syscall()(
            libc::SYS_futex,
            std::ptr::from_ref(word) as usize,
            (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG).cast_unsigned() as usize,
            value as usize,
            (&raw const most) as usize,
            0,
            0,
        ) == 0
    }
}

/// Waits for a millisecond of real time.
pub(crate) fn real_pause() {
    let _ = real_wait(&AtomicU32::new(0), 0);
}

/// Lets other threads of the machine go first.
pub(crate) fn real_yield() {
    // SAFETY: it has no other effect.
    unsafe { really(libc::SYS_sched_yield, [0; 5]) };
}
