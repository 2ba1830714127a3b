//! How functions of libc are defined: what is passed on, and how C is told what became of a call.

use std::io;

use libc::{c_int, off_t, ssize_t};

/// What calls return: a number, or -1 with `errno`.
pub(super) trait Answer: Copy {
    const FAILED: Self;
}

impl Answer for c_int {
    const FAILED: Self = -1;
}

impl Answer for ssize_t {
    const FAILED: Self = -1;
}

impl Answer for off_t {
    const FAILED: Self = -1;
}

/// Performs a call where the simulated kernel is, and says how it went as C does.
pub(super) fn answer<R: Answer>(call: impl FnOnce() -> io::Result<R>) -> R {
    match call() {
        Ok(result) => result,
        Err(error) => {
            // SAFETY: it is the cell of this thread.
            unsafe { *libc::__errno_location() = super::errno(&error) };
            R::FAILED
        }
    }
}

/// Defines functions of libc whose first argument is a descriptor. What is about no simulated one
/// is passed on.
macro_rules! on_descriptors {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($fd:ident $(, $arg:ident: $ty:ty)* $(,)?) -> $ret:ty $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As libc's function of that name.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($fd: c_int $(, $arg: $ty)*) -> $ret {
            if $crate::interpose::descriptors::is_simulated($fd) {
                return $crate::interpose::calls::answer(|| $body);
            }
            static NEXT: $crate::interpose::Next =
                $crate::interpose::Next::named(concat!(stringify!($name), "\0"));
            let next: unsafe extern "C" fn(c_int $(, $ty)*) -> $ret =
                // SAFETY: this is libc's function of that name and type.
                unsafe { std::mem::transmute(NEXT.get()) };
            // SAFETY: the arguments are the caller's.
            unsafe { next($fd $(, $arg)*) }
        }
    )*};
}
pub(super) use on_descriptors;

/// An error with the number that C has for it.
pub(super) fn os<T>(code: c_int) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(code))
}
