//! `pthread_create(3)` and `pthread_join(3)`.

use std::ffi::c_void;

use libc::c_int;

use super::{
    Next,
    threads::{Start, adopt, await_end},
};

/// # Safety
///
/// As `pthread_create(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        Start,
        *mut c_void,
    ) -> c_int;
    static NEXT: Next = Next::named("pthread_create\0");
    // SAFETY: this is libc's function of that name and type.
    let next: Create = unsafe { std::mem::transmute(NEXT.get()) };
    if super::is_inside() {
        return adopt(start, argument, |start, argument| {
            // SAFETY: the arguments are the caller's, but for what is to be started.
            let result = unsafe { next(thread, attributes, start, argument) };
            // SAFETY: it is written to if the thread was started.
            (result, if result == 0 { unsafe { *thread } } else { 0 })
        });
    }
    // SAFETY: the arguments are the caller's.
    unsafe { next(thread, attributes, start, argument) }
}

/// # Safety
///
/// As `pthread_join(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_join(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    static NEXT: Next = Next::named("pthread_join\0");
    if super::is_inside() {
        await_end(thread);
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(thread, result) }
}
