//! The functions of libc that start another process, which a run refuses.

use libc::{c_char, c_int, c_void, pid_t};

use crate::interpose::{real::Next, refusal::refuse, threads::is_inside};

fn no_process() -> c_int {
    refuse("it starts another program, which cannot be simulated");
    libc::EPERM
}

/// # Safety
///
/// As `posix_spawn(3)`.
type Spawn = unsafe extern "C" fn(
    *mut pid_t,
    *const c_char,
    *const c_void,
    *const c_void,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

/// Defines the functions of libc that start a process.
macro_rules! spawns {
    ($($name:ident)*) => {$(
        /// # Safety
        ///
        /// As libc's function of that name.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            process: *mut pid_t,
            path: *const c_char,
            actions: *const c_void,
            attributes: *const c_void,
            arguments: *const *mut c_char,
            environment: *const *mut c_char,
        ) -> c_int {
            if is_inside() {
                return no_process();
            }
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            // SAFETY: this is libc's function of that name and type.
            let next: Spawn = unsafe { std::mem::transmute(NEXT.get()) };
            // SAFETY: the arguments are the caller's.
            unsafe { next(process, path, actions, attributes, arguments, environment) }
        }
    )*};
}

spawns! { posix_spawn posix_spawnp }

/// Defines the functions of libc that start a process as they are called without one.
macro_rules! forks {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty { $failed:expr })*) => {$(
        /// # Safety
        ///
        /// As libc's function of that name.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($arg: $ty),*) -> $ret {
            if is_inside() {
                let code = no_process();
                // SAFETY: it is the cell of this thread.
                unsafe { *libc::__errno_location() = code };
                return $failed;
            }
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            let next: unsafe extern "C" fn($($ty),*) -> $ret =
                // SAFETY: this is libc's function of that name and type.
                unsafe { std::mem::transmute(NEXT.get()) };
            // SAFETY: the arguments are the caller's.
            unsafe { next($($arg),*) }
        }
    )*};
}

forks! {
    fn fork() -> pid_t { -1 }
    fn system(command: *const c_char) -> c_int { -1 }
    fn popen(command: *const c_char, mode: *const c_char) -> *mut libc::FILE {
        std::ptr::null_mut()
    }
}
