//! What a process learns of itself and of its machine: it is the first process of a host, as in a
//! container, with the host's name and as many processors as that has cores. What is not the host's is
//! the same on every machine, so that no record depends on one.

use std::ffi::{c_char, c_long};

use libc::{c_int, c_uint, cpu_set_t, pid_t, rlimit, rusage, size_t};

use crate::interpose::{
    clocks::{MONOTONIC_START_NS, now},
    real::{Next, really},
    threads::{at_kernel, is_inside, kernel, number},
};

/// The kernel that a host says it has.
pub(crate) const RELEASE: &str = "6.18.0";
pub(crate) const VERSION: &str = "#1 SMP PREEMPT_DYNAMIC";

/// The memory that a host says it has.
pub(crate) const MEMORY_BYTES: u64 = 16 << 30;

/// The ticks of `times(2)` in a second.
const TICK_NS: u64 = 10_000_000;

/// The cores of the host whose code runs, if it is one.
pub(crate) fn cores() -> Option<usize> {
    if !is_inside() {
        return None;
    }
    at_kernel(|| Ok(kernel().map(|kernel| kernel.cores()))).ok().flatten()
}

/// The name of the host whose code runs.
pub(crate) fn host_name() -> String {
    let name = || Ok(kernel().map(|kernel| kernel.name()));
    at_kernel(name).ok().flatten().unwrap_or_default()
}

/// Writes the set of the host's processors. How many bytes of it?
///
/// # Safety
///
/// There are `room` bytes at `set`.
unsafe fn fill(cores: usize, room: size_t, set: *mut u8) -> usize {
    // SAFETY: the caller vouches for so many bytes.
    let set = unsafe { std::slice::from_raw_parts_mut(set, room) };
    set.fill(0);
    for core in 0..cores.min(room * 8) {
        set[core / 8] |= 1 << (core % 8);
    }
    room.min(cores.div_ceil(64) * size_of::<u64>())
}

/// # Safety
///
/// As `sched_getaffinity(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(process: pid_t, room: size_t, set: *mut cpu_set_t) -> c_int {
    static NEXT: Next = Next::named("sched_getaffinity\0");
    if let Some(cores) = cores() {
        // SAFETY: the caller vouches for so many bytes.
        unsafe { fill(cores, room, set.cast()) };
        return 0;
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(pid_t, size_t, *mut cpu_set_t) -> c_int =
            std::mem::transmute(NEXT.get());
        next(process, room, set)
    }
}

/// The system call of that name, which says how many bytes it has written.
///
/// # Safety
///
/// There are `room` bytes at `set`.
pub(crate) unsafe fn affinity(room: size_t, set: *mut u8) -> isize {
    // SAFETY: the caller vouches for so many bytes.
    unsafe { fill(cores().unwrap_or(1), room, set) }.cast_signed()
}

/// # Safety
///
/// As `sysconf(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sysconf(name: c_int) -> c_long {
    static NEXT: Next = Next::named("sysconf\0");
    if is_inside() {
        let pages = MEMORY_BYTES / 4096;
        let known = match name {
            libc::_SC_NPROCESSORS_ONLN | libc::_SC_NPROCESSORS_CONF => cores().map(|it| it as u64),
            libc::_SC_PHYS_PAGES => Some(pages),
            libc::_SC_AVPHYS_PAGES => Some(pages / 2),
            _ => None,
        };
        if let Some(known) = known {
            return c_long::try_from(known).unwrap_or(c_long::MAX);
        }
    }
    // SAFETY: this is libc's function of that name and type, and the argument is the caller's.
    unsafe {
        let next: unsafe extern "C" fn(c_int) -> c_long = std::mem::transmute(NEXT.get());
        next(name)
    }
}

/// Defines functions of libc without arguments that return a number.
macro_rules! numbers {
    ($($(#[$doc:meta])* fn $name:ident() -> c_int { $inside:expr })*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As libc's function of that name.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name() -> c_int {
            if is_inside() {
                return $inside;
            }
            static NEXT: Next = Next::named(concat!(stringify!($name), "\0"));
            // SAFETY: this is libc's function of that name and type.
            unsafe {
                let next: unsafe extern "C" fn() -> c_int = std::mem::transmute(NEXT.get());
                next()
            }
        }
    )*};
}

numbers! {
    /// `getpid(2)`
    fn getpid() -> c_int { 1 }

    /// `gettid(2)`: the first thread has the number of its process
    fn gettid() -> c_int { number() }

    /// `get_nprocs(3)`
    fn get_nprocs() -> c_int { c_int::try_from(cores().unwrap_or(1)).unwrap_or(c_int::MAX) }

    /// `get_nprocs_conf(3)`
    fn get_nprocs_conf() -> c_int { c_int::try_from(cores().unwrap_or(1)).unwrap_or(c_int::MAX) }

    /// `sched_getcpu(3)`: the code of a host runs on one processor at a time, which is the first
    fn sched_getcpu() -> c_int { 0 }
}

/// `getcpu(2)`.
///
/// # Safety
///
/// The places are null or the caller's.
pub(crate) unsafe fn processor(processor: *mut c_uint, node: *mut c_uint) -> isize {
    for place in [processor, node] {
        if !place.is_null() {
            // SAFETY: the caller vouches for it.
            unsafe { place.write(0) };
        }
    }
    0
}

/// # Safety
///
/// As `getcpu(2)`, which libc asks no system call for.
#[unsafe(no_mangle)]
unsafe extern "C" fn getcpu(cpu: *mut c_uint, node: *mut c_uint) -> c_int {
    static NEXT: Next = Next::named("getcpu\0");
    if is_inside() {
        // SAFETY: the places are the caller's.
        unsafe { processor(cpu, node) };
        return 0;
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(*mut c_uint, *mut c_uint) -> c_int =
            std::mem::transmute(NEXT.get());
        next(cpu, node)
    }
}

/// `uname(2)`.
///
/// # Safety
///
/// The place is the caller's.
pub(crate) unsafe fn names(out: *mut libc::utsname) -> isize {
    fn put(place: &mut [c_char], text: &[u8]) {
        let room = place.len() - 1;
        place.fill(0);
        for (place, byte) in place.iter_mut().take(room).zip(text) {
            *place = *byte as c_char;
        }
    }
    let name = host_name();
    // SAFETY: the caller vouches for the place, and names of zeros are valid.
    let out = unsafe {
        out.write_bytes(0, 1);
        &mut *out
    };
    put(&mut out.sysname, b"Linux");
    put(&mut out.nodename, name.as_bytes());
    put(&mut out.release, RELEASE.as_bytes());
    put(&mut out.version, VERSION.as_bytes());
    put(&mut out.machine, std::env::consts::ARCH.as_bytes());
    #[cfg(target_os = "linux")]
    put(&mut out.domainname, b"(none)");
    0
}

/// `sysinfo(2)`.
///
/// # Safety
///
/// The place is the caller's.
pub(crate) unsafe fn system(out: *mut libc::sysinfo) -> isize {
    // SAFETY: the caller vouches for the place, and zeros are valid.
    let out = unsafe {
        out.write_bytes(0, 1);
        &mut *out
    };
    let up = (MONOTONIC_START_NS + now()) / 1_000_000_000;
    out.uptime = c_long::try_from(up).unwrap_or(c_long::MAX);
    (out.totalram, out.freeram) = (MEMORY_BYTES, MEMORY_BYTES / 2);
    (out.procs, out.mem_unit) = (1, 1);
    0
}

/// `times(2)`: computation is free, so that the process has used no processor.
///
/// # Safety
///
/// The place is null or the caller's.
pub(crate) unsafe fn times(out: *mut libc::tms) -> isize {
    if !out.is_null() {
        // SAFETY: the caller vouches for it, and zeros are valid.
        unsafe { out.write_bytes(0, 1) };
    }
    let ticks = (MONOTONIC_START_NS + now()) / TICK_NS;
    isize::try_from(ticks).unwrap_or(isize::MAX)
}

/// `getrusage(2)`, likewise.
///
/// # Safety
///
/// The place is the caller's.
pub(crate) unsafe fn usage(out: *mut rusage) -> isize {
    // SAFETY: the caller vouches for it, and zeros are valid.
    unsafe { out.write_bytes(0, 1) };
    0
}

/// `prlimit(2)`: the limits are those of the machine, and stay as they are.
///
/// # Safety
///
/// The place is null or the caller's.
pub(crate) unsafe fn limit(which: usize, out: *mut rlimit) -> isize {
    if out.is_null() {
        return 0;
    }
    // SAFETY: nothing is changed, and the caller vouches for the place.
    unsafe { really(libc::SYS_prlimit64, [0, which, 0, out as usize, 0]) as isize }
}
