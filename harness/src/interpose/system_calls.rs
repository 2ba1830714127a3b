//! Every system call of Linux, and what becomes of it on the threads of a run.
//!
//! The table is whole for the kernel that it was written by (6.18). A number that is not in it ends the
//! run, so that what a newer kernel has is looked at before it is let through.

use libc::*;

/// What becomes of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It is about nothing but the thread, its memory or its rights: the kernel answers it.
    Passed,
    /// The simulation answers it.
    Answered,
    /// The simulation answers it, or the kernel on behalf of the harness or for what is only in the
    /// real file system.
    Asked,
    /// The simulation answers it for a descriptor of the run, and there is no other that it may be for.
    OnlyOfRun,
    /// The simulation answers it for a descriptor of the run, the kernel for any other.
    OfDescriptor,
    /// What libc needs for itself; the simulation answers anybody else.
    OfLibc,
    /// It begins a thread if libc asks for one, and is refused otherwise.
    Begin,
    /// The signal that this argument names is of the simulation, unless libc sends it to itself.
    Signal(u32),
    /// The kernel of a host does not have it, and says so with this error.
    Absent(c_int),
    /// It would leave the simulation, for this reason: the run ends.
    Refused(&'static str),
}

/// A system call.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) number: c_long,
    /// The name of its number in C.
    symbol: &'static str,
    pub(crate) treatment: Treatment,
}

impl Row {
    pub(crate) fn name(&self) -> &'static str {
        self.symbol.strip_prefix("SYS_").unwrap_or(self.symbol)
    }
}

/// The rows of this machine, in the order of their numbers.
pub(crate) fn rows() -> Vec<&'static Row> {
    let mut rows: Vec<&Row> = ALL.iter().chain(OLD).collect();
    rows.sort_by_key(|row| row.number);
    rows
}

pub(crate) fn row(number: c_long) -> Option<&'static Row> {
    ALL.iter().chain(OLD).find(|row| row.number == number)
}

/// The name of a system call.
pub(crate) fn name(number: c_long) -> Option<&'static str> {
    row(number).map(Row::name)
}

// Those that libc has no names for. From 424 on they have the same numbers on all machines.
const SYS_IO_PGETEVENTS: c_long = if cfg!(target_arch = "x86_64") { 333 } else { 292 };
const SYS_CACHESTAT: c_long = 451;
pub(crate) const SYS_FCHMODAT2: c_long = 452;
const SYS_MAP_SHADOW_STACK: c_long = 453;
const SYS_FUTEX_WAKE: c_long = 454;
const SYS_FUTEX_WAIT: c_long = 455;
const SYS_FUTEX_REQUEUE: c_long = 456;
const SYS_STATMOUNT: c_long = 457;
const SYS_LISTMOUNT: c_long = 458;
const SYS_LSM_GET_SELF_ATTR: c_long = 459;
const SYS_LSM_SET_SELF_ATTR: c_long = 460;
const SYS_LSM_LIST_MODULES: c_long = 461;
const SYS_SETXATTRAT: c_long = 463;
const SYS_GETXATTRAT: c_long = 464;
const SYS_LISTXATTRAT: c_long = 465;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_OPEN_TREE_ATTR: c_long = 467;
const SYS_FILE_GETATTR: c_long = 468;
const SYS_FILE_SETATTR: c_long = 469;

/// The last number that the table was made for.
#[cfg(test)]
pub(crate) const LAST: c_long = SYS_FILE_SETATTR;

macro_rules! calls {
    ($($treatment:expr => $($symbol:ident)*;)*) => {
        &[$($(Row { number: $symbol, symbol: stringify!($symbol), treatment: $treatment },)*)*]
    };
}

use Treatment::{
    Absent, Answered, Asked, Begin, OfDescriptor, OfLibc, OnlyOfRun, Passed, Refused, Signal,
};

static ALL: &[Row] = calls! {
    Passed =>
        SYS_mmap SYS_mprotect SYS_munmap SYS_brk SYS_mremap SYS_msync SYS_mincore SYS_madvise
        SYS_mlock SYS_munlock SYS_mlockall SYS_munlockall SYS_mlock2 SYS_mbind SYS_set_mempolicy
        SYS_get_mempolicy SYS_move_pages SYS_memfd_create SYS_memfd_secret SYS_membarrier
        SYS_pkey_mprotect SYS_pkey_alloc SYS_pkey_free SYS_set_mempolicy_home_node SYS_mseal
        SYS_MAP_SHADOW_STACK
        SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigpending SYS_sigaltstack SYS_restart_syscall
        SYS_exit SYS_exit_group SYS_set_tid_address SYS_set_robust_list SYS_get_robust_list SYS_rseq
        SYS_prctl SYS_seccomp SYS_capget
        SYS_getuid SYS_getgid SYS_geteuid SYS_getegid SYS_getgroups SYS_getresuid SYS_getresgid
        SYS_getrlimit SYS_getpriority SYS_ioprio_get SYS_clock_getres
        SYS_sched_getparam SYS_sched_getscheduler SYS_sched_get_priority_max
        SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_sched_getattr;

    Answered =>
        SYS_socket SYS_socketpair SYS_pipe2 SYS_epoll_create1 SYS_eventfd2
        SYS_getrandom SYS_nanosleep SYS_clock_nanosleep SYS_pselect6 SYS_close_range
        SYS_unlinkat SYS_renameat SYS_renameat2 SYS_mkdirat SYS_truncate SYS_linkat SYS_symlinkat
        SYS_mknodat SYS_fchmodat SYS_FCHMODAT2 SYS_fchmod SYS_fchownat SYS_fchown SYS_utimensat
        SYS_chdir SYS_fchdir SYS_umask
        SYS_copy_file_range SYS_sendfile SYS_splice SYS_tee SYS_vmsplice
        SYS_kill SYS_times SYS_getrusage SYS_getcpu
        SYS_getppid SYS_getpgid SYS_getsid SYS_wait4 SYS_waitid
        SYS_setrlimit SYS_setpriority SYS_ioprio_set SYS_sched_setparam SYS_sched_setscheduler
        SYS_sched_setaffinity SYS_sched_setattr;

    Asked =>
        SYS_openat SYS_newfstatat SYS_statx SYS_faccessat SYS_faccessat2 SYS_readlinkat SYS_getcwd
        SYS_statfs SYS_ppoll SYS_rt_sigaction SYS_prlimit64
        SYS_sched_yield SYS_sched_getaffinity SYS_clock_gettime SYS_gettimeofday SYS_uname
        SYS_sysinfo;

    OnlyOfRun =>
        SYS_connect SYS_bind SYS_listen SYS_accept SYS_accept4 SYS_sendto SYS_sendmsg SYS_sendmmsg
        SYS_recvfrom SYS_recvmsg SYS_recvmmsg SYS_shutdown SYS_getsockname SYS_getpeername
        SYS_setsockopt SYS_getsockopt SYS_epoll_pwait SYS_epoll_pwait2;

    OfDescriptor =>
        SYS_read SYS_readv SYS_pread64 SYS_preadv SYS_preadv2
        SYS_write SYS_writev SYS_pwrite64 SYS_pwritev SYS_pwritev2
        SYS_close SYS_fcntl SYS_ioctl SYS_dup SYS_dup3 SYS_epoll_ctl SYS_lseek SYS_fstat SYS_fstatfs
        SYS_fsync SYS_fdatasync SYS_ftruncate SYS_fallocate SYS_flock SYS_getdents64
        SYS_readahead SYS_fadvise64 SYS_sync_file_range;

    OfLibc => SYS_futex SYS_getpid SYS_gettid;
    Begin => SYS_clone SYS_clone3;
    Signal(1) => SYS_tkill;
    Signal(2) => SYS_tgkill;

    // What callers do without if the kernel is too old for it.
    Absent(ENOSYS) =>
        SYS_openat2 SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_signalfd4
        SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch SYS_pidfd_open
        SYS_futex_waitv SYS_FUTEX_WAKE SYS_FUTEX_WAIT SYS_FUTEX_REQUEUE SYS_remap_file_pages
        SYS_landlock_create_ruleset SYS_landlock_add_rule SYS_landlock_restrict_self
        SYS_LSM_GET_SELF_ATTR SYS_LSM_SET_SELF_ATTR SYS_LSM_LIST_MODULES SYS_CACHESTAT
        SYS_STATMOUNT SYS_LISTMOUNT SYS_FILE_GETATTR SYS_FILE_SETATTR SYS_lookup_dcookie
        SYS_nfsservctl;
    Absent(EOPNOTSUPP) =>
        SYS_setxattr SYS_lsetxattr SYS_fsetxattr SYS_getxattr SYS_lgetxattr SYS_fgetxattr
        SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_removexattr SYS_lremovexattr
        SYS_fremovexattr SYS_SETXATTRAT SYS_GETXATTRAT SYS_LISTXATTRAT SYS_REMOVEXATTRAT
        SYS_name_to_handle_at;

    Refused("another program cannot be simulated") => SYS_execve SYS_execveat;
    Refused("the kernel does its work by itself, at times that no seed decides") =>
        SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register SYS_io_setup SYS_io_destroy
        SYS_io_getevents SYS_IO_PGETEVENTS SYS_io_submit SYS_io_cancel;
    Refused("the signal comes when the clock of the machine says so") =>
        SYS_timer_create SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete
        SYS_getitimer SYS_setitimer;
    Refused("it waits for or sends a signal of the machine") =>
        SYS_rt_sigtimedwait SYS_rt_sigsuspend SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo
        SYS_pidfd_send_signal;
    Refused("all processes of the machine have it in common, and so all hosts would") =>
        SYS_shmget SYS_shmat SYS_shmctl SYS_shmdt SYS_semget SYS_semop SYS_semctl SYS_semtimedop
        SYS_msgget SYS_msgsnd SYS_msgrcv SYS_msgctl SYS_mq_open SYS_mq_unlink SYS_mq_timedsend
        SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr SYS_add_key SYS_request_key SYS_keyctl;
    Refused("it looks into another process of the machine") =>
        SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev SYS_process_madvise
        SYS_process_mrelease SYS_pidfd_getfd SYS_kcmp SYS_migrate_pages SYS_perf_event_open
        SYS_userfaultfd SYS_bpf;
    Refused("it watches files of the machine") => SYS_fanotify_init SYS_fanotify_mark;
    Refused("a simulated disk is made durable file by file: use fsync") => SYS_sync SYS_syncfs;
    Refused("it changes what the process may do, which the runs of a process share") =>
        SYS_setuid SYS_setgid SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid SYS_setfsuid
        SYS_setfsgid SYS_setgroups SYS_capset SYS_setpgid SYS_setsid SYS_personality SYS_unshare
        SYS_setns;
    Refused("it changes the machine") =>
        SYS_chroot SYS_pivot_root SYS_mount SYS_umount2 SYS_move_mount SYS_open_tree
        SYS_OPEN_TREE_ATTR SYS_fsopen SYS_fsconfig SYS_fsmount SYS_fspick SYS_mount_setattr
        SYS_quotactl SYS_quotactl_fd SYS_swapon SYS_swapoff SYS_reboot SYS_sethostname
        SYS_setdomainname SYS_settimeofday SYS_clock_settime SYS_adjtimex SYS_clock_adjtime
        SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_kexec_file_load
        SYS_acct SYS_vhangup SYS_syslog SYS_open_by_handle_at;
};

#[cfg(not(target_arch = "x86_64"))]
static OLD: &[Row] = &[];

/// What only machines of this kind have, most of it older than what all have.
#[cfg(target_arch = "x86_64")]
static OLD: &[Row] = calls! {
    Passed => SYS_arch_prctl;
    Answered =>
        SYS_pipe SYS_epoll_create SYS_eventfd SYS_select
        SYS_unlink SYS_rename SYS_mkdir SYS_rmdir SYS_link SYS_symlink SYS_mknod SYS_chmod SYS_chown
        SYS_lchown SYS_utime SYS_utimes SYS_futimesat SYS_getpgrp;
    Asked => SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_readlink SYS_poll SYS_time;
    OnlyOfRun => SYS_epoll_wait;
    OfDescriptor => SYS_dup2;
    Absent(ENOSYS) =>
        SYS_signalfd SYS_inotify_init SYS_getdents SYS_ustat SYS_sysfs SYS__sysctl SYS_uselib
        SYS_getpmsg SYS_putpmsg SYS_afs_syscall SYS_tuxcall SYS_security SYS_vserver
        SYS_epoll_ctl_old SYS_epoll_wait_old SYS_set_thread_area SYS_get_thread_area
        SYS_CREATE_MODULE SYS_GET_KERNEL_SYMS SYS_QUERY_MODULE;
    Refused("another process cannot be simulated") => SYS_fork SYS_vfork;
    Refused("the signal comes when the clock of the machine says so") => SYS_alarm;
    Refused("it waits for or sends a signal of the machine") => SYS_pause;
    Refused("it changes the machine") => SYS_modify_ldt SYS_iopl SYS_ioperm;
};

// Of Linux 2.4.
#[cfg(target_arch = "x86_64")]
const SYS_CREATE_MODULE: c_long = 174;
#[cfg(target_arch = "x86_64")]
const SYS_GET_KERNEL_SYMS: c_long = 177;
#[cfg(target_arch = "x86_64")]
const SYS_QUERY_MODULE: c_long = 178;
