//! Randomness.

use std::ffi::c_void;

use libc::{size_t, ssize_t};

use crate::interpose::{real::Next, seeded, threads::in_run};

/// # Safety
///
/// As `getrandom(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(bytes: *mut c_void, count: size_t, flags: libc::c_uint) -> ssize_t {
    static NEXT: Next = Next::named("getrandom\0");
    if in_run() {
        // A request for nothing comes with a pointer to nothing.
        let out = if count == 0 {
            &mut []
        } else {
            // SAFETY: the caller vouches for `count` bytes at `bytes`.
            unsafe { std::slice::from_raw_parts_mut(bytes.cast::<u8>(), count) }
        };
        if seeded::fill(out) {
            return count.cast_signed();
        }
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(*mut c_void, size_t, libc::c_uint) -> ssize_t =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(bytes, count, flags) }
}
