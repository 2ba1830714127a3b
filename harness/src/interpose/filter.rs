//! System calls that go past libc: simulated as well, or refused.
//!
//! Some crates (`rustix` among them), code in assembly and libc itself make system calls that no symbol
//! stands in front of. A seccomp filter on the threads of a run turns those that matter into a
//! signal, whose handler answers them from the simulation: [`table`] says which, and [`perform`] how.
//! What cannot be answered ends the run: a call that reached the real network would meet neither
//! faults nor virtual time, and one that changed the real file system would outlive the run.

mod perform;
mod program;
mod table;

use std::{
    cell::Cell,
    ffi::{CStr, c_void},
    sync::Once,
};

use libc::{AT_FDCWD, c_char, c_int, c_long, c_ulong, siginfo_t, sock_fprog, ucontext_t};

use self::table::Fate;
use super::{descriptors::is_simulated, futex, in_run, is_inside, refusal};

/// What the last argument of a call is that is meant for the real kernel: it has fewer.
const MEANT: u32 = 0x7371_6c6c;

const SECCOMP_SET_MODE_FILTER: usize = 1;

thread_local! {
    /// Whether a function of libc runs for what the simulation does not have: the system calls that it
    /// makes are meant for the real kernel.
    static PASSING: Cell<bool> = const { Cell::new(false) };
}

/// Passes a call on to libc's function, and what that asks to the real kernel.
pub(super) fn passing<R>(call: impl FnOnce() -> R) -> R {
    let before = PASSING.replace(true);
    let result = call();
    PASSING.set(before);
    result
}

/// Opens what is in the real file system.
///
/// # Safety
///
/// As `openat(2)`.
pub(super) unsafe fn open_really(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
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
pub(super) unsafe fn really(number: c_long, arguments: [usize; 5]) -> c_long {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the arguments are the caller's; the last one is ignored by the kernel.
    unsafe { futex::real_syscall()(number, a, b, c, d, e, MEANT as usize) }
}

/// The name of a system call.
pub(super) fn name(number: c_long) -> Option<&'static str> {
    table::row(number).map(table::Row::name)
}

/// From now on system calls of this thread, and of those that it starts, are looked at, with or
/// without those for randomness.
///
/// # Errors
///
/// When the kernel has no filters, or lets nobody install one.
pub(super) fn install(randomness: bool) -> std::io::Result<()> {
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

/// A system call with its arguments.
struct Call {
    number: c_long,
    arguments: [usize; 6],
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

#[cfg(target_arch = "x86_64")]
fn call(context: &ucontext_t) -> Call {
    let registers = &context.uc_mcontext.gregs;
    let register = |which: c_int| registers[usize::try_from(which).unwrap_or(0)];
    let arguments =
        [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9];
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "registers")]
    let arguments = arguments.map(|which| register(which) as usize);
    Call { number: register(libc::REG_RAX), arguments }
}

#[cfg(target_arch = "x86_64")]
fn set_result(context: &mut ucontext_t, result: isize) {
    let place = usize::try_from(libc::REG_RAX).unwrap_or(0);
    context.uc_mcontext.gregs[place] = result as i64;
}

#[cfg(target_arch = "aarch64")]
fn call(context: &ucontext_t) -> Call {
    let registers = &context.uc_mcontext.regs;
    let arguments = [0, 1, 2, 3, 4, 5].map(|which| registers[which] as usize);
    Call { number: registers[8].cast_signed(), arguments }
}

#[cfg(target_arch = "aarch64")]
fn set_result(context: &mut ucontext_t, result: isize) {
    context.uc_mcontext.regs[0] = result as u64;
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
        && (!is_inside() || PASSING.get() || unsafe { is_of_the_machine(path) })
    {
        // SAFETY: the arguments are the caller's.
        return told(unsafe { open_really(directory, path, flags) } as isize);
    }
    let row = table::row(call.number);
    if matches!(row, Some(row) if row.fate == Fate::Asked) && (!is_inside() || PASSING.get()) {
        let [a, b, c, d, e, _] = call.arguments;
        // SAFETY: the arguments are the caller's.
        return told(unsafe { really(call.number, [a, b, c, d, e]) } as isize);
    }
    if matches!(row, Some(row) if row.fate == Fate::OfLibc) && !is_inside() {
        let [a, b, c, d, e, f] = call.arguments;
        // SAFETY: the arguments are the caller's. Libc makes it now, which the filter lets through.
        return told(unsafe { futex::real_syscall()(call.number, a, b, c, d, e, f) } as isize);
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
    if let Fate::Refused(why) = row.fate {
        refusal::refuse(&format!("it calls {}: {why}", row.name()));
        return if call.number == libc::SYS_io_uring_setup {
            absent
        } else {
            -(libc::EPERM as isize)
        };
    }
    if row.fate == Fate::Begin {
        refusal::refuse(&format!("it calls {}: another process cannot be simulated", row.name()));
        return -(libc::EPERM as isize);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a number of C in a register")]
    let first = call.arguments[0] as c_int;
    if row.fate == Fate::OnlyOfRun && !is_simulated(first) {
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
    told(perform::perform(call))
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

#[cfg(test)]
mod tests;
