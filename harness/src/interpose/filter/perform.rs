//! The functions of libc, which are ours, that make the same system calls.

#![expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "registers")]

use libc::AT_FDCWD;

use super::call::Call;
use crate::interpose::{
    calls::{
        files::{attributes, directories, listing},
        handles,
        process::{identity, signals},
        threads::futex,
        time,
    },
    descriptors::is_simulated,
    system_calls,
};

/// What libc's functions say when something went wrong.
fn failed(code: libc::c_int) -> isize {
    // SAFETY: it is the cell of this thread.
    unsafe { *libc::__errno_location() = code };
    -1
}

/// Answers a call; -1 with `errno` if it went wrong.
pub(super) fn perform(call: &Call) -> isize {
    let [a, b, c, d, e, f] = call.arguments;
    // SAFETY: the arguments are those of the caller, for the function that makes the same call.
    unsafe {
        match call.number {
            libc::SYS_socket => libc::socket(a as _, b as _, c as _) as isize,
            libc::SYS_socketpair => libc::socketpair(a as _, b as _, c as _, d as _) as isize,
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
            libc::SYS_pipe2 => libc::pipe2(a as _, b as _) as isize,
            libc::SYS_epoll_create1 => libc::epoll_create1(a as _) as isize,
            libc::SYS_eventfd2 => libc::eventfd(a as _, b as _) as isize,
            libc::SYS_epoll_pwait => libc::epoll_wait(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_epoll_pwait2 => {
                let timeout = time::milliseconds(d as *const libc::timespec);
                libc::epoll_wait(a as _, b as _, c as _, timeout) as isize
            }
            libc::SYS_epoll_ctl => libc::epoll_ctl(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_ppoll => libc::ppoll(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_read => libc::read(a as _, b as _, c as _),
            libc::SYS_readv => libc::readv(a as _, b as _, c as _),
            libc::SYS_write => libc::write(a as _, b as _, c as _),
            libc::SYS_writev => libc::writev(a as _, b as _, c as _),
            libc::SYS_close => libc::close(a as _) as isize,
            libc::SYS_close_range => handles::close_range(a as _, b as _),
            libc::SYS_fcntl => libc::fcntl(a as _, b as _, c) as isize,
            libc::SYS_ioctl => libc::ioctl(a as _, b as _, c) as isize,
            libc::SYS_dup => libc::dup(a as _) as isize,
            libc::SYS_dup3 => libc::dup3(a as _, b as _, c as _) as isize,
            _ => perform_on_files(call),
        }
    }
}

/// The same, for calls on files.
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
            libc::SYS_renameat2 => failed(libc::EINVAL),
            libc::SYS_mkdirat => libc::mkdirat(a as _, b as _, c as _) as isize,
            libc::SYS_truncate => libc::truncate(a as _, b as _) as isize,
            libc::SYS_linkat => libc::linkat(a as _, b as _, c as _, d as _, e as _) as isize,
            libc::SYS_symlinkat => libc::symlinkat(a as _, b as _, c as _) as isize,
            libc::SYS_mknodat => libc::mknodat(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_fchmodat | system_calls::SYS_FCHMODAT2 => {
                libc::fchmodat(a as _, b as _, c as _, 0) as isize
            }
            libc::SYS_fchownat => libc::fchownat(a as _, b as _, c as _, d as _, e as _) as isize,
            libc::SYS_fchmod | libc::SYS_fchown if !is_simulated(a as _) => failed(libc::EROFS),
            libc::SYS_fchmod => libc::fchmod(a as _, b as _) as isize,
            libc::SYS_fchown => libc::fchown(a as _, b as _, c as _) as isize,
            // Without a path it is about the descriptor.
            libc::SYS_utimensat if b == 0 && is_simulated(a as _) => {
                libc::futimens(a as _, c as _) as isize
            }
            libc::SYS_utimensat if b == 0 => failed(libc::EROFS),
            libc::SYS_utimensat => libc::utimensat(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_newfstatat => libc::fstatat(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_fstat => libc::fstat(a as _, b as _) as isize,
            libc::SYS_statx => libc::statx(a as _, b as _, c as _, d as _, e as _) as isize,
            libc::SYS_faccessat | libc::SYS_faccessat2 => {
                libc::faccessat(a as _, b as _, c as _, 0) as isize
            }
            libc::SYS_readlinkat => libc::readlinkat(a as _, b as _, c as _, d as _),
            libc::SYS_statfs => attributes::of_file_system(a as _, b as _),
            libc::SYS_fstatfs => attributes::of_file_system(std::ptr::null(), b as _),
            libc::SYS_chdir => libc::chdir(a as _) as isize,
            libc::SYS_fchdir => libc::fchdir(a as _) as isize,
            libc::SYS_getcwd => directories::current(a as _, b),
            libc::SYS_getdents64 => listing::entries(a as _, b as _, c),
            libc::SYS_pread64 => libc::pread(a as _, b as _, c as _, d as _),
            libc::SYS_pwrite64 => libc::pwrite(a as _, b as _, c as _, d as _),
            libc::SYS_preadv => libc::preadv64(a as _, b as _, c as _, d as _),
            libc::SYS_pwritev => libc::pwritev64(a as _, b as _, c as _, d as _),
            libc::SYS_preadv2 | libc::SYS_pwritev2 if f != 0 => failed(libc::EOPNOTSUPP),
            // At -1 they go on from where the file is.
            libc::SYS_preadv2 if d as i64 == -1 => libc::readv(a as _, b as _, c as _),
            libc::SYS_pwritev2 if d as i64 == -1 => libc::writev(a as _, b as _, c as _),
            libc::SYS_preadv2 => libc::preadv64(a as _, b as _, c as _, d as _),
            libc::SYS_pwritev2 => libc::pwritev64(a as _, b as _, c as _, d as _),
            libc::SYS_lseek => libc::lseek(a as _, b as _, c as _) as isize,
            libc::SYS_fsync => libc::fsync(a as _) as isize,
            libc::SYS_fdatasync => libc::fdatasync(a as _) as isize,
            libc::SYS_ftruncate => libc::ftruncate(a as _, b as _) as isize,
            libc::SYS_fallocate => libc::fallocate(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_flock => libc::flock(a as _, b as _) as isize,
            // They say what is to be expected, and promise nothing.
            libc::SYS_readahead | libc::SYS_fadvise64 | libc::SYS_sync_file_range => 0,
            // Without these, callers read and write themselves.
            libc::SYS_copy_file_range => failed(libc::EXDEV),
            libc::SYS_sendfile | libc::SYS_splice | libc::SYS_tee | libc::SYS_vmsplice => {
                failed(libc::EINVAL)
            }
            _ => perform_on_process(call),
        }
    }
}

/// The same, for what a process asks of itself and of the machine.
fn perform_on_process(call: &Call) -> isize {
    let [a, b, c, d, ..] = call.arguments;
    // SAFETY: as in `perform`.
    unsafe {
        match call.number {
            libc::SYS_getrandom => libc::getrandom(a as _, b as _, c as _),
            libc::SYS_nanosleep => libc::nanosleep(a as _, b as _) as isize,
            libc::SYS_clock_nanosleep => {
                -(libc::clock_nanosleep(a as _, b as _, c as _, d as _) as isize)
            }
            libc::SYS_clock_gettime => libc::clock_gettime(a as _, b as _) as isize,
            libc::SYS_gettimeofday => libc::gettimeofday(a as _, b as _) as isize,
            libc::SYS_pselect6 => time::select(a as _, e_timespec(call)),
            libc::SYS_sched_yield => libc::sched_yield() as isize,
            libc::SYS_sched_getaffinity => identity::affinity(b, c as _),
            libc::SYS_uname => identity::names(a as _),
            libc::SYS_sysinfo => identity::system(a as _),
            libc::SYS_getcpu => identity::processor(a as _, b as _),
            libc::SYS_times => identity::times(a as _),
            libc::SYS_getrusage => identity::usage(b as _),
            libc::SYS_prlimit64 => identity::limit(b, d as _),
            libc::SYS_getpid => libc::getpid() as isize,
            libc::SYS_gettid => libc::gettid() as isize,
            // The first process of a container has no parent, and leads its group and its session.
            libc::SYS_getppid => 0,
            libc::SYS_getpgid | libc::SYS_getsid => 1,
            libc::SYS_wait4 | libc::SYS_waitid => failed(libc::ECHILD),
            libc::SYS_rt_sigaction => signals::act_on(a as _, b as _, c as _),
            libc::SYS_kill => signals::send(a as _, b as _),
            libc::SYS_tkill => signals::send_to_thread(b as _),
            libc::SYS_tgkill => signals::send_to_thread(c as _),
            libc::SYS_umask => 0o022,
            // A host has all the rights that its process asks for, and nothing changes.
            libc::SYS_setrlimit
            | libc::SYS_setpriority
            | libc::SYS_ioprio_set
            | libc::SYS_sched_setparam
            | libc::SYS_sched_setscheduler
            | libc::SYS_sched_setaffinity
            | libc::SYS_sched_setattr => 0,
            libc::SYS_futex => futex::answered(&call.arguments),
            _ => perform_old(call),
        }
    }
}

/// The fifth argument, if it is a time.
fn e_timespec(call: &Call) -> *const libc::timespec {
    call.arguments[4] as *const libc::timespec
}

#[cfg(target_arch = "x86_64")]
fn perform_old(call: &Call) -> isize {
    let [a, b, c, d, e, ..] = call.arguments;
    // SAFETY: as in `perform`.
    unsafe {
        match call.number {
            libc::SYS_pipe => libc::pipe(a as _) as isize,
            libc::SYS_epoll_create => libc::epoll_create1(0) as isize,
            libc::SYS_epoll_wait => libc::epoll_wait(a as _, b as _, c as _, d as _) as isize,
            libc::SYS_eventfd => libc::eventfd(a as _, 0) as isize,
            libc::SYS_poll => libc::poll(a as _, b as _, c as _) as isize,
            libc::SYS_select => {
                let timeout = (e as *const libc::timeval).as_ref();
                let timeout = timeout.map(|timeout| libc::timespec {
                    tv_sec: timeout.tv_sec,
                    tv_nsec: timeout.tv_usec.saturating_mul(1_000),
                });
                time::select(a as _, timeout.as_ref().map_or(std::ptr::null(), |it| it))
            }
            libc::SYS_open => libc::open(a as _, b as _, c as libc::mode_t) as isize,
            libc::SYS_creat => {
                let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
                libc::open(a as _, flags, b as libc::mode_t) as isize
            }
            libc::SYS_dup2 => libc::dup2(a as _, b as _) as isize,
            libc::SYS_unlink => libc::unlink(a as _) as isize,
            libc::SYS_rename => libc::rename(a as _, b as _) as isize,
            libc::SYS_mkdir => libc::mkdir(a as _, b as _) as isize,
            libc::SYS_rmdir => libc::rmdir(a as _) as isize,
            libc::SYS_link => libc::link(a as _, b as _) as isize,
            libc::SYS_symlink => libc::symlink(a as _, b as _) as isize,
            libc::SYS_mknod => libc::mknod(a as _, b as _, c as _) as isize,
            libc::SYS_chmod => libc::chmod(a as _, b as _) as isize,
            libc::SYS_chown | libc::SYS_lchown => libc::chown(a as _, b as _, c as _) as isize,
            libc::SYS_utime | libc::SYS_utimes => {
                libc::utimensat(AT_FDCWD, a as _, std::ptr::null(), 0) as isize
            }
            libc::SYS_futimesat => libc::utimensat(a as _, b as _, std::ptr::null(), 0) as isize,
            libc::SYS_stat | libc::SYS_lstat => libc::stat(a as _, b as _) as isize,
            libc::SYS_access => libc::access(a as _, b as _) as isize,
            libc::SYS_readlink => libc::readlink(a as _, b as _, c as _),
            libc::SYS_time => libc::time(a as _) as isize,
            libc::SYS_getpgrp => 1,
            _ => failed(libc::ENOSYS),
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn perform_old(_: &Call) -> isize {
    failed(libc::ENOSYS)
}
