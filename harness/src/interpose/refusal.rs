//! What a run refuses, and whose code asked for it.

use std::{backtrace::Backtrace, io};

use libc::{c_char, c_int, c_void, pid_t};

use super::{Next, is_inside, threads};

/// Files whose functions ask on behalf of somebody else, by what their paths have in them.
const BETWEEN: [&str; 7] = [
    "src/interpose/",
    "/rustc/",
    "library/std/",
    "library/core/",
    "/src/runtime/",
    "/sysdeps/",
    "/nptl/",
];

/// The code of a run has asked for something that would leave the simulation: the run ends, and
/// says what it was and who asked.
pub(super) fn refuse(what: &str) {
    threads::block(&format!("{what}{}", asked_by()));
}

/// Who asked, in brackets behind what was asked.
pub(super) fn asked_by() -> String {
    caller().map(|caller| format!(" (in {caller})")).unwrap_or_default()
}

/// The function that the call came from and where it is, as a backtrace gives them.
fn caller() -> Option<String> {
    let trace = Backtrace::force_capture().to_string();
    let mut name = None;
    for line in trace.lines().map(str::trim_start) {
        // A frame is a line such as `12: crate::function`; the one that follows says where it is.
        match line.strip_prefix("at ") {
            None => name = line.split_once(": ").map(|(_, name)| name.trim()),
            Some(place) if !is_between(place) => {
                return Some(format!("{} at {}", name?, of_crate(place)));
            }
            Some(_) => {}
        }
    }
    None
}

fn is_between(place: &str) -> bool {
    BETWEEN.iter().any(|between| place.contains(between)) && !place.contains("/interpose/tests")
}

/// A place without what leads to it on this machine: from the crate on, if it is a published one.
fn of_crate(place: &str) -> &str {
    let of_registry = place.split_once("registry/src/").and_then(|(_, it)| it.split_once('/'));
    of_registry.map_or(place, |(_, it)| it)
}

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

/// A kind of socket that the simulation does not have.
pub(super) fn no_socket(domain: c_int) -> io::Error {
    let of = match domain {
        libc::AF_UNIX => "of the domain AF_UNIX".to_owned(),
        libc::AF_NETLINK => "of the domain AF_NETLINK".to_owned(),
        other => format!("of the domain {other}"),
    };
    refuse(&format!("it opens a socket {of}, which is not simulated"));
    io::Error::from_raw_os_error(libc::EAFNOSUPPORT)
}
