//! Signals for hosts, as `tokio::signal` knows them.
//!
//! Handlers that are installed inside of a run are never those of the real process. What Tokio's own is
//! for one host only is in the [program](crate::interpose::program).

use std::{
    ffi::c_void,
    mem,
    sync::atomic::{AtomicUsize, Ordering},
};

use libc::{c_int, siginfo_t};

use crate::interpose::{
    answers::{answer, os},
    program::{handler_of_tokio, is_some_hosts},
    real::{Next, passing, really},
    refusal,
    threads::{at_kernel, in_run, is_inside},
};

/// Signals have numbers below this.
const SIGNALS: usize = 65;

/// The handlers that code of runs has installed, by signal.
static HANDLERS: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];

/// Signals that a thread brings upon itself by what it does: they are real, and so is what handles them.
const OF_FAULTS: [c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT];

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// # Safety
///
/// As `sigaction(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(
    signal: c_int,
    action: *const libc::sigaction,
    before: *mut libc::sigaction,
) -> c_int {
    static NEXT: Next = Next::named("sigaction\0");
    if is_inside() && !OF_FAULTS.contains(&signal) {
        return answer(|| {
            let place = usize::try_from(signal).ok().filter(|place| *place > 0);
            let Some(handler) = place.and_then(|place| HANDLERS.get(place)) else {
                return os(libc::EINVAL);
            };
            // SAFETY: the caller vouches for what is not null.
            unsafe {
                if !before.is_null() {
                    before.write_bytes(0, 1);
                    (*before).sa_sigaction = handler.load(Ordering::Relaxed);
                }
                if !action.is_null() {
                    handler.store((*action).sa_sigaction, Ordering::Relaxed);
                }
            }
            Ok(0)
        });
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    let next: unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int =
        unsafe { mem::transmute(NEXT.get()) };
    // SAFETY: as above.
    passing(|| unsafe { next(signal, action, before) })
}

/// Calls the handler of a signal, as the kernel would on a thread of the process whose code runs.
/// Is there one?
pub(crate) fn deliver(signal: c_int) -> bool {
    let place = usize::try_from(signal).unwrap_or(0);
    let found = HANDLERS.get(place).map_or(0, |handler| handler.load(Ordering::Relaxed));
    // What was installed outside of a run is asked only if it is the one that Tokio's is.
    let found = if found == 0 { handler_of_tokio().unwrap_or(0) } else { found };
    if found == libc::SIG_DFL || found == libc::SIG_IGN {
        return false;
    }
    // SAFETY: it was given for the handler of a signal, and information of zeros is valid.
    unsafe {
        let handler: Handler = mem::transmute(found);
        let mut information: siginfo_t = mem::zeroed();
        information.si_signo = signal;
        handler(signal, &raw mut information, std::ptr::null_mut());
    }
    true
}

/// `rt_sigaction(2)`, whose actions begin with the handler as well.
///
/// # Safety
///
/// The places are null or the caller's.
pub(crate) unsafe fn act_on(signal: c_int, action: *const usize, before: *mut [usize; 4]) -> isize {
    if OF_FAULTS.contains(&signal) {
        let signal = signal.unsigned_abs() as usize;
        let arguments = [signal, action as usize, before as usize, size_of::<u64>(), 0];
        // SAFETY: the arguments are the caller's.
        return unsafe { really(libc::SYS_rt_sigaction, arguments) as isize };
    }
    answer(|| {
        let place = usize::try_from(signal).ok().filter(|place| *place > 0);
        let Some(handler) = place.and_then(|place| HANDLERS.get(place)) else {
            return os(libc::EINVAL);
        };
        // SAFETY: the caller vouches for what is not null.
        unsafe {
            if !before.is_null() {
                before.write([handler.load(Ordering::Relaxed), 0, 0, 0]);
            }
            if !action.is_null() {
                handler.store(action.read(), Ordering::Relaxed);
            }
        }
        Ok(0)
    })
}

/// `kill(2)`: a host has one process, whose number is 1.
pub(crate) fn send(process: libc::pid_t, signal: c_int) -> isize {
    if matches!(process, -1..=1) { send_to_thread(signal) } else { answer(|| os(libc::ESRCH)) }
}

/// A process sends itself a signal, which is to be handled as on a thread of it.
pub(crate) fn send_to_thread(signal: c_int) -> isize {
    answer(|| {
        let place = usize::try_from(signal).ok();
        let Some(handler) = place.and_then(|place| HANDLERS.get(place)) else {
            return os(libc::EINVAL);
        };
        let ignored = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT];
        let handler = handler.load(Ordering::Relaxed);
        if signal == 0 || handler == libc::SIG_IGN {
            return Ok(0);
        }
        if handler == libc::SIG_DFL && ignored.contains(&signal) {
            return Ok(0);
        }
        // Tokio's is for one host only if the host has statics of its own.
        let is_shared = handler_of_tokio().is_none_or(|of_tokio| of_tokio == handler);
        let is_own = at_kernel(|| Ok(is_some_hosts()))?;
        let is_heard = is_own || handler != libc::SIG_DFL && !is_shared;
        if !is_heard || !deliver(signal) {
            refusal::refuse(&format!(
                "it sends itself the signal {signal}, which would end the process, or is heard with \
                 tokio::signal in a plan without signals"
            ));
        }
        Ok(0)
    })
}

/// # Safety
///
/// As `pthread_kill(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_kill(thread: libc::pthread_t, signal: c_int) -> c_int {
    static NEXT: Next = Next::named("pthread_kill\0");
    if is_inside() && signal != libc::SIGABRT {
        return if send_to_thread(signal) == 0 { 0 } else { libc::EINVAL };
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(libc::pthread_t, c_int) -> c_int =
            mem::transmute(NEXT.get());
        next(thread, signal)
    }
}

/// Defines the functions by which a thread says which signals it does not want. A system call past libc
/// is answered by one, which must not be among them: the kernel would end the process.
macro_rules! masks {
    ($($name:ident)*) => {$(
        /// # Safety
        ///
        /// As `pthread_sigmask(3)`.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            how: c_int,
            set: *const libc::sigset_t,
            before: *mut libc::sigset_t,
        ) -> c_int {
            type Mask =
                unsafe extern "C" fn(c_int, *const libc::sigset_t, *mut libc::sigset_t) -> c_int;
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            // SAFETY: this is libc's function of that name and type.
            let next: Mask = unsafe { mem::transmute(NEXT.get()) };
            if !in_run() || set.is_null() || how == libc::SIG_UNBLOCK {
                // SAFETY: the arguments are the caller's.
                return unsafe { next(how, set, before) };
            }
            // SAFETY: the caller vouches for the set, and the copy lives as long as the call.
            unsafe {
                let mut set = set.read();
                libc::sigdelset(&raw mut set, libc::SIGSYS);
                next(how, &raw const set, before)
            }
        }
    )*};
}

masks! { pthread_sigmask sigprocmask }
