//! The signal that a stopped system call raises, and what is answered.

use std::{
    ffi::{CStr, c_void},
    sync::Once,
};

use libc::{AT_FDCWD, c_char, c_int, siginfo_t, sock_fprog, ucontext_t};

use super::{
    call::{Call, call, set_result},
    perform::perform,
    program,
};
use crate::interpose::{
    descriptors::is_simulated,
    real::{is_passing, open_really, real_syscall, really},
    refusal,
    system_calls::{self, Treatment},
    threads::{in_run, is_inside},
};

const SECCOMP_SET_MODE_FILTER: usize = 1;

/// From now on system calls of this thread, and of those that it starts, are looked at, with or
/// without those for randomness.
///
/// # Errors
///
/// When the kernel has no filters, or lets nobody install one.
pub(crate) fn install(randomness: bool) -> std::io::Result<()> {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(handle);
    let mut program = program::program(randomness);
    let length = u16::try_from(program.len()).unwrap_or(u16::MAX);
    let program = sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: both calls take what they are documented to take, and the program outlives them.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            &raw const program,
        )
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn handle() {
    // SAFETY: an action of zeros is valid, and what is set in it, too.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_trap as *const () as usize;
        // A call that is answered may itself be one that is looked at.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut());
    }
}

/// # Safety
///
/// It is called by the kernel only.
unsafe extern "C" fn on_trap(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands over the context of the thread.
    let context = unsafe { &mut *context.cast::<ucontext_t>() };
    // SAFETY: it is the cell of this thread.
    let errno = unsafe { *libc::__errno_location() };
    let call = call(context);
    let result = answer(&call);
    set_result(context, result);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// The directory, path and flags of a call that opens something.
fn opened(call: &Call) -> Option<(c_int, *const c_char, c_int)> {
    let [a, b, c, ..] = call.arguments;
    #[expect(clippy::cast_possible_truncation, reason = "numbers of C in registers")]
    match call.number {
        libc::SYS_openat => Some((a as c_int, b as *const c_char, c as c_int)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => Some((AT_FDCWD, a as *const c_char, b as c_int)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat => {
            let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
            Some((AT_FDCWD, a as *const c_char, flags))
        }
        _ => None,
    }
}

/// Is it something of the machine that libc itself looks at? It may have a lock of the allocator when
/// it does: such a path is not even copied.
///
/// # Safety
///
/// `path` is null or a C string.
unsafe fn is_of_the_machine(path: *const c_char) -> bool {
    if path.is_null() {
        return false;
    }
    // SAFETY: the caller vouches for it.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    [&b"/proc/sys/vm/"[..], b"/proc/self/maps", b"/proc/stat", b"/sys/"]
        .iter()
        .any(|root| path.starts_with(root))
}

/// Answers a call from the simulation, or refuses it; an error as its negative number.
fn answer(call: &Call) -> isize {
    let absent = -(libc::ENOSYS as isize);
    if let Some((directory, path, flags)) = opened(call)
        && flags & (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) == libc::O_RDONLY
        // SAFETY: it is the caller's.
        && (!is_inside() || is_passing() || unsafe { is_of_the_machine(path) })
    {
        // SAFETY: the arguments are the caller's.
        return told(unsafe { open_really(directory, path, flags) } as isize);
    }
    let row = system_calls::row(call.number);
    if matches!(row, Some(row) if row.treatment == Treatment::Asked)
        && (!is_inside() || is_passing())
    {
        let [a, b, c, d, e, _] = call.arguments;
        // SAFETY: the arguments are the caller's.
        return told(unsafe { really(call.number, [a, b, c, d, e]) } as isize);
    }
    if matches!(row, Some(row) if row.treatment == Treatment::OfLibc) && !is_inside() {
        let [a, b, c, d, e, f] = call.arguments;
        // SAFETY: the arguments are the caller's. Libc makes it now, which the filter lets through.
        return told(unsafe { real_syscall()(call.number, a, b, c, d, e, f) } as isize);
    }
    if !in_run() {
        // The thread of a run that is over, or has not begun.
        return absent;
    }
    let Some(row) = row else {
        refusal::refuse(&format!(
            "it makes the system call {}, which the simulation does not know",
            call.number
        ));
        return absent;
    };
    if let Treatment::Refused(why) = row.treatment {
        refusal::refuse(&format!("it calls {}: {why}", row.name()));
        return if call.number == libc::SYS_io_uring_setup {
            absent
        } else {
            -(libc::EPERM as isize)
        };
    }
    if row.treatment == Treatment::Begin {
        refusal::refuse(&format!("it calls {}: another process cannot be simulated", row.name()));
        return -(libc::EPERM as isize);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a number of C in a register")]
    let first = call.arguments[0] as c_int;
    if row.treatment == Treatment::OnlyOfRun && !is_simulated(first) {
        refusal::refuse(&format!(
            "it calls {} on a descriptor that is not of the simulation",
            row.name()
        ));
        return -(libc::EPERM as isize);
    }
    if !is_inside() {
        refusal::refuse(&format!("it calls {} while no host runs", row.name()));
        return -(libc::EPERM as isize);
    }
    told(perform(call))
}

/// A result as the kernel has it: an error as its negative number.
fn told(result: isize) -> isize {
    if result == -1 {
        // SAFETY: it is the cell of this thread.
        -(unsafe { *libc::__errno_location() } as isize)
    } else {
        result
    }
}
