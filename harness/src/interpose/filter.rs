//! System calls that go past libc: simulated as well, or refused.
//!
//! Some crates (`rustix` among them) and code in assembly make system calls of their own, which no
//! symbol stands in front of. A seccomp filter on the threads of a run turns those that matter into
//! a signal, whose handler answers them from the simulation. What it cannot answer ends the run: a
//! call that reached the real network would meet neither faults nor virtual time.

use std::{ffi::c_void, sync::Once};

use libc::{c_int, c_long, siginfo_t, sock_filter, sock_fprog, ucontext_t};

use super::{descriptors::is_simulated, in_run, is_inside, refusal};

/// System calls that are always looked at.
const ALWAYS: [c_long; 25] = [
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_accept,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_epoll_create1,
    libc::SYS_eventfd2,
    libc::SYS_epoll_pwait,
    libc::SYS_io_uring_setup,
    libc::SYS_getrandom,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_execve,
];

/// Those of them that only older machines have.
#[cfg(target_arch = "x86_64")]
const ALWAYS_OLD: [c_long; 5] = [
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_fork,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const ALWAYS_OLD: [c_long; 0] = [];

/// System calls that are looked at if their first argument is a descriptor of a run.
const OF_DESCRIPTORS: [c_long; 10] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_ctl,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Where the number, the architecture and the first argument of a call are in what a filter sees.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

const SECCOMP_SET_MODE_FILTER: usize = 1;

fn statement(code: u32, k: u32) -> sock_filter {
    #[expect(clippy::cast_possible_truncation, reason = "the codes of BPF have 16 bits")]
    let code = code as u16;
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Goes `then` instructions further if what was loaded is `k`, or to the next one.
fn if_equal(k: u32, then: u8) -> sock_filter {
    #[expect(clippy::cast_possible_truncation, reason = "the codes of BPF have 16 bits")]
    let code = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    sock_filter { code, jt: then, jf: 0, k }
}

/// The program that looks at each system call of a thread, with or without those for randomness.
fn program(randomness: bool) -> Vec<sock_filter> {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let all = ALWAYS.into_iter().chain(ALWAYS_OLD);
    let always: Vec<c_long> =
        all.filter(|call| randomness || *call != libc::SYS_getrandom).collect();
    // Each table is one instruction for an entry; behind both stand: allow, look at the first
    // argument, compare it, allow, trap.
    let length = always.len() + OF_DESCRIPTORS.len();
    let distance = |from: usize, to: usize| u8::try_from(to - from - 1).unwrap_or(u8::MAX);
    let (look, trap) = (length + 1, length + 4);
    let number = |call: c_long| u32::try_from(call).unwrap_or(u32::MAX);
    let mut program = vec![
        statement(load, ARCH),
        if_equal(ARCHITECTURE, 1),
        statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW),
        statement(load, NUMBER),
    ];
    for (at, call) in always.iter().enumerate() {
        program.push(if_equal(number(*call), distance(at, trap)));
    }
    for (at, call) in (always.len()..).zip(OF_DESCRIPTORS) {
        program.push(if_equal(number(call), distance(at, look)));
    }
    let first = u32::try_from(super::descriptors::FIRST).unwrap_or(u32::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "the codes of BPF have 16 bits")]
    let at_least = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    program.extend([
        statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW),
        statement(load, FIRST_ARGUMENT),
        sock_filter { code: at_least, jt: 1, jf: 0, k: first },
        statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW),
        statement(libc::BPF_RET, libc::SECCOMP_RET_TRAP),
    ]);
    program
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
    let mut program = program(randomness);
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

/// Answers a call from the simulation, or refuses it; an error as its negative number.
fn answer(call: &Call) -> isize {
    let refused = -(libc::EPERM as isize);
    if !in_run() {
        // The thread of a run that is over, or has not begun.
        return -(libc::ENOSYS as isize);
    }
    // Without the simulation there is nobody to wait for.
    let of_descriptor = !matches!(
        call.number,
        libc::SYS_socket
            | libc::SYS_epoll_create1
            | libc::SYS_eventfd2
            | libc::SYS_getrandom
            | libc::SYS_nanosleep
            | libc::SYS_clock_nanosleep
    );
    #[expect(clippy::cast_possible_truncation, reason = "a number of C in a register")]
    let first = call.arguments[0] as c_int;
    if let Some(name) = never(call.number) {
        refusal::refuse(&format!("it calls {name}"));
        return if call.number == libc::SYS_io_uring_setup {
            -(libc::ENOSYS as isize)
        } else {
            refused
        };
    }
    let old = old_of_no_descriptor(call.number);
    if !is_inside() || (of_descriptor && !old && !is_simulated(first)) {
        refusal::refuse("it makes a system call on a socket that is not of the simulation");
        return refused;
    }
    let result = perform(call);
    if result == -1 {
        // SAFETY: it is the cell of this thread.
        -(unsafe { *libc::__errno_location() } as isize)
    } else {
        result
    }
}

/// What no thread of a run may do.
fn never(number: c_long) -> Option<&'static str> {
    match number {
        libc::SYS_io_uring_setup => Some("io_uring, whose work the kernel does by itself"),
        libc::SYS_execve => Some("execve: another program cannot be simulated"),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork | libc::SYS_vfork => Some("fork: another process cannot be simulated"),
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
fn old_of_no_descriptor(number: c_long) -> bool {
    matches!(number, libc::SYS_epoll_create | libc::SYS_eventfd)
}

#[cfg(not(target_arch = "x86_64"))]
fn old_of_no_descriptor(_: c_long) -> bool {
    false
}

/// Calls the function of libc, which is ours, that makes this system call.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "registers")]
fn perform(call: &Call) -> isize {
    let [a, b, c, d, e, f] = call.arguments;
    // SAFETY: the arguments are those of the caller, for the function that makes the same call.
    unsafe {
        match call.number {
            libc::SYS_socket => libc::socket(a as _, b as _, c as _) as isize,
            libc::SYS_connect => libc::connect(a as _, b as _, c as _) as isize,
            libc::SYS_bind => libc::bind(a as _, b as _, c as _) as isize,
            libc::SYS_listen => libc::listen(a as _, b as _) as isize,
            libc::SYS_accept => libc::accept(a as _, b as _, c as _) as isize,
            libc::SYS_accept4 => libc::accept4(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_sendto => libc::sendto(a as _, b as _, c as _, d as _, e as _, f as _),
            libc::SYS_sendmsg => libc::sendmsg(a as _, b as _, c as _),
            libc::SYS_sendmmsg => libc::sendmmsg(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_recvfrom => libc::recvfrom(a as _, b as _, c as _, d as _, e as _, f as _),
            libc::SYS_recvmsg => libc::recvmsg(a as _, b as _, c as _),
            libc::SYS_recvmmsg => libc::recvmmsg(a as _, b as _, c as _, d as _, e as _) as isize,
            libc::SYS_shutdown => libc::shutdown(a as _, b as _) as isize,
            libc::SYS_getsockname => libc::getsockname(a as _, b as _, c as _) as isize,
            libc::SYS_getpeername => libc::getpeername(a as _, b as _, c as _) as isize,
            libc::SYS_setsockopt => {
                libc::setsockopt(a as _, b as _, c as _, d as _, e as _) as isize
            }
            libc::SYS_getsockopt => {
                libc::getsockopt(a as _, b as _, c as _, d as _, e as _) as isize
            }
            libc::SYS_epoll_create1 => libc::epoll_create1(a as _) as isize,
            libc::SYS_eventfd2 => libc::eventfd(a as _, b as _) as isize,
            libc::SYS_epoll_pwait => libc::epoll_wait(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_epoll_ctl => libc::epoll_ctl(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_getrandom => libc::getrandom(a as _, b as _, c as _),
            libc::SYS_nanosleep => libc::nanosleep(a as _, b as _) as isize,
            libc::SYS_clock_nanosleep => {
                -(libc::clock_nanosleep(a as _, b as _, c as _, d as _) as isize)
            }
            libc::SYS_read => libc::read(a as _, b as _, c as _),
            libc::SYS_readv => libc::readv(a as _, b as _, c as _),
            libc::SYS_write => libc::write(a as _, b as _, c as _),
            libc::SYS_writev => libc::writev(a as _, b as _, c as _),
            libc::SYS_close => libc::close(a as _) as isize,
            libc::SYS_fcntl => libc::fcntl(a as _, b as _, c) as isize,
            libc::SYS_ioctl => libc::ioctl(a as _, b as _, c) as isize,
            libc::SYS_dup => libc::dup(a as _) as isize,
            libc::SYS_dup3 => libc::dup3(a as _, b as _, c as _) as isize,
            _ => perform_old(call),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "registers")]
fn perform_old(call: &Call) -> isize {
    let [a, b, c, d, ..] = call.arguments;
    // SAFETY: as in `perform`.
    unsafe {
        match call.number {
            libc::SYS_epoll_create => libc::epoll_create1(0) as isize,
            libc::SYS_epoll_wait => libc::epoll_wait(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_eventfd => libc::eventfd(a as _, 0) as isize,
            _ => -(libc::ENOSYS as isize),
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn perform_old(_: &Call) -> isize {
    -(libc::ENOSYS as isize)
}
