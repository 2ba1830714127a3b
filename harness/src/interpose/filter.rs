//! System calls that go past libc: simulated as well, or refused.
//!
//! Some crates (`rustix` among them) and code in assembly make system calls of their own, which no
//! symbol stands in front of. A seccomp filter on the threads of a run turns those that matter into
//! a signal, whose handler answers them from the simulation. What it cannot answer ends the run: a
//! call that reached the real network would meet neither faults nor virtual time.

use std::{
    ffi::{CStr, c_void},
    sync::Once,
};

use libc::{
    AT_FDCWD, c_char, c_int, c_long, c_ulong, siginfo_t, sock_filter, sock_fprog, ucontext_t,
};

use super::{descriptors::is_simulated, in_run, is_inside, refusal};

/// System calls that are always looked at.
const ALWAYS: [c_long; 31] = [
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
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_truncate,
    libc::SYS_linkat,
];

/// Those of them that only older machines have.
#[cfg(target_arch = "x86_64")]
const ALWAYS_OLD: [c_long; 12] = [
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_open,
    libc::SYS_creat,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_link,
];
#[cfg(not(target_arch = "x86_64"))]
const ALWAYS_OLD: [c_long; 0] = [];

/// System calls that are looked at if their first argument is a descriptor of a run.
const OF_DESCRIPTORS: [c_long; 24] = [
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
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_flock,
    libc::SYS_newfstatat,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_splice,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Where the number, the architecture and the first and last argument of a call are in what a filter
/// sees.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
const LAST_ARGUMENT: u32 = 56;

/// What the last argument of a call is that is meant for the real kernel: it has fewer.
const MEANT: u32 = 0x7371_6c6c;

const SECCOMP_SET_MODE_FILTER: usize = 1;

fn statement(code: u32, k: u32) -> sock_filter {
    #[expect(clippy::cast_possible_truncation, reason = "the codes of BPF have 16 bits")]
    let code = code as u16;
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Goes `then` instructions further if what was loaded is so, or to the next one.
fn jump(condition: u32, k: u32, then: u8) -> sock_filter {
    #[expect(clippy::cast_possible_truncation, reason = "the codes of BPF have 16 bits")]
    let code = (libc::BPF_JMP | condition | libc::BPF_K) as u16;
    sock_filter { code, jt: then, jf: 0, k }
}

/// The program that looks at each system call of a thread, with or without those for randomness.
fn program(randomness: bool) -> Vec<sock_filter> {
    let load = |place| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, place);
    let allow = statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW);
    let all = ALWAYS.into_iter().chain(ALWAYS_OLD);
    let always: Vec<c_long> =
        all.filter(|call| randomness || *call != libc::SYS_getrandom).collect();
    // What follows the tables, in which each entry is one instruction.
    let first = u32::try_from(super::descriptors::FIRST).unwrap_or(u32::MAX);
    let behind = [
        allow,
        // Is the first argument a descriptor of a run? Those that are none are negative.
        load(FIRST_ARGUMENT),
        jump(libc::BPF_JSET, 1 << 31, 1),
        jump(libc::BPF_JGE, first, 3),
        allow,
        // Is the call meant for the real kernel?
        load(LAST_ARGUMENT),
        jump(libc::BPF_JEQ, MEANT, 1),
        statement(libc::BPF_RET, libc::SECCOMP_RET_TRAP),
        allow,
    ];
    let (look, ask, trap) = (1, 5, 7);
    let length = always.len() + OF_DESCRIPTORS.len() + 1;
    let distance = |from: usize, to: usize| u8::try_from(length + to - from - 1).unwrap_or(u8::MAX);
    let number = |call: c_long| u32::try_from(call).unwrap_or(u32::MAX);
    let calls = always.into_iter().map(|call| (call, trap));
    let calls = calls.chain(OF_DESCRIPTORS.map(|call| (call, look)));
    let calls = calls.chain([(libc::SYS_openat, ask)]);
    let mut program = vec![load(ARCH), jump(libc::BPF_JEQ, ARCHITECTURE, 1), allow, load(NUMBER)];
    for (at, (call, place)) in calls.enumerate() {
        program.push(jump(libc::BPF_JEQ, number(call), distance(at, place)));
    }
    program.extend(behind);
    program
}

/// Opens what is in the real file system, to be read.
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

/// What the first argument of a call has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// A descriptor of the run.
    Descriptor,
    /// Whatever it is.
    Any,
}

fn first_of(number: c_long) -> First {
    match number {
        libc::SYS_socket
        | libc::SYS_epoll_create1
        | libc::SYS_eventfd2
        | libc::SYS_getrandom
        | libc::SYS_nanosleep
        | libc::SYS_clock_nanosleep
        | libc::SYS_openat
        | libc::SYS_unlinkat
        | libc::SYS_renameat
        | libc::SYS_renameat2
        | libc::SYS_mkdirat
        | libc::SYS_truncate
        | libc::SYS_linkat => First::Any,
        _ if is_old_of_any(number) => First::Any,
        _ => First::Descriptor,
    }
}

#[cfg(target_arch = "x86_64")]
fn is_old_of_any(number: c_long) -> bool {
    ALWAYS_OLD.contains(&number) && number != libc::SYS_epoll_wait
}

#[cfg(not(target_arch = "x86_64"))]
fn is_old_of_any(_: c_long) -> bool {
    false
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
    path.starts_with(b"/proc/") || path.starts_with(b"/sys/")
}

/// Answers a call from the simulation, or refuses it; an error as its negative number.
fn answer(call: &Call) -> isize {
    let refused = -(libc::EPERM as isize);
    if let Some((directory, path, flags)) = opened(call)
        // SAFETY: it is the caller's.
        && (!is_inside() || unsafe { is_of_the_machine(path) })
    {
        // SAFETY: the arguments are the caller's.
        return told(unsafe { open_really(directory, path, flags) } as isize);
    }
    if !in_run() {
        // The thread of a run that is over, or has not begun.
        return -(libc::ENOSYS as isize);
    }
    if let Some(name) = never(call.number) {
        refusal::refuse(&format!("it calls {name}"));
        return if call.number == libc::SYS_io_uring_setup {
            -(libc::ENOSYS as isize)
        } else {
            refused
        };
    }
    #[expect(clippy::cast_possible_truncation, reason = "a number of C in a register")]
    let first = call.arguments[0] as c_int;
    let is_of_run = first_of(call.number) == First::Any || is_simulated(first);
    if !is_inside() || !is_of_run {
        refusal::refuse("it makes a system call on a socket that is not of the simulation");
        return refused;
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
            _ => perform_on_files(call),
        }
    }
}

/// The same, for calls on files.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "registers")]
fn perform_on_files(call: &Call) -> isize {
    let [a, b, c, d, e, f] = call.arguments;
    // SAFETY: as in `perform`.
    unsafe {
        match call.number {
            libc::SYS_openat => libc::openat(a as _, b as _, c as _, d as libc::mode_t) as isize,
            libc::SYS_unlinkat => libc::unlinkat(a as _, b as _, c as _) as isize,
            libc::SYS_renameat => libc::renameat(a as _, b as _, c as _, d as _) as isize,
            // Without any of its flags it is the same.
            libc::SYS_renameat2 if e == 0 => {
                libc::renameat(a as _, b as _, c as _, d as _) as isize
            }
            libc::SYS_renameat2 => {
                *libc::__errno_location() = libc::EINVAL;
                -1
            }
            libc::SYS_mkdirat => libc::mkdirat(a as _, b as _, c as _) as isize,
            libc::SYS_truncate => libc::truncate(a as _, b as _) as isize,
            libc::SYS_linkat => libc::linkat(a as _, b as _, c as _, d as _, e as _) as isize,
            libc::SYS_pread64 => libc::pread(a as _, b as _, c as _, d as _),
            libc::SYS_pwrite64 => libc::pwrite(a as _, b as _, c as _, d as _),
            libc::SYS_preadv => libc::preadv64(a as _, b as _, c as _, d as _),
            libc::SYS_pwritev => libc::pwritev64(a as _, b as _, c as _, d as _),
            libc::SYS_lseek => libc::lseek(a as _, b as _, c as _) as isize,
            libc::SYS_fsync => libc::fsync(a as _) as isize,
            libc::SYS_fdatasync => libc::fdatasync(a as _) as isize,
            libc::SYS_ftruncate => libc::ftruncate(a as _, b as _) as isize,
            libc::SYS_fallocate => libc::fallocate(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_flock => libc::flock(a as _, b as _) as isize,
            libc::SYS_newfstatat => libc::fstatat(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_copy_file_range => {
                libc::copy_file_range(a as _, b as _, c as _, d as _, e as _, f as _)
            }
            libc::SYS_sendfile => libc::sendfile(a as _, b as _, c as _, d as _),
            libc::SYS_splice => libc::splice(a as _, b as _, c as _, d as _, e as _, f as _),
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
            libc::SYS_open => libc::open(a as _, b as _, c as libc::mode_t) as isize,
            libc::SYS_creat => {
                let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
                libc::open(a as _, flags, b as libc::mode_t) as isize
            }
            libc::SYS_unlink => libc::unlink(a as _) as isize,
            libc::SYS_rename => libc::rename(a as _, b as _) as isize,
            libc::SYS_mkdir => libc::mkdir(a as _, b as _) as isize,
            libc::SYS_rmdir => libc::rmdir(a as _) as isize,
            libc::SYS_link => libc::link(a as _, b as _) as isize,
            _ => -(libc::ENOSYS as isize),
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn perform_old(_: &Call) -> isize {
    -(libc::ENOSYS as isize)
}
