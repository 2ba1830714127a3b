//! How many processors there are, as many as the host has cores, and which process it is: the first one
//! of its host, as in a container.

use libc::{c_int, c_long, cpu_set_t, pid_t, size_t};

use super::{Next, is_inside, threads};

/// The cores of the host whose code runs, if it is one.
fn cores() -> Option<usize> {
    if !is_inside() {
        return None;
    }
    threads::at_kernel(|| Ok(super::kernel().map(|kernel| kernel.cores()))).ok().flatten()
}

/// # Safety
///
/// As `sched_getaffinity(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(process: pid_t, room: size_t, set: *mut cpu_set_t) -> c_int {
    static NEXT: Next = Next::named("sched_getaffinity\0");
    if let Some(cores) = cores() {
        // SAFETY: the caller vouches for so many bytes.
        let set = unsafe { std::slice::from_raw_parts_mut(set.cast::<u8>(), room) };
        set.fill(0);
        for core in 0..cores.min(room * 8) {
            set[core / 8] |= 1 << (core % 8);
        }
        return 0;
    }
    // SAFETY: this is libc's function of that name and type, and the arguments are the caller's.
    unsafe {
        let next: unsafe extern "C" fn(pid_t, size_t, *mut cpu_set_t) -> c_int =
            std::mem::transmute(NEXT.get());
        next(process, room, set)
    }
}

/// # Safety
///
/// As `sysconf(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sysconf(name: c_int) -> c_long {
    static NEXT: Next = Next::named("sysconf\0");
    if matches!(name, libc::_SC_NPROCESSORS_ONLN | libc::_SC_NPROCESSORS_CONF)
        && let Some(cores) = cores()
    {
        return c_long::try_from(cores).unwrap_or(c_long::MAX);
    }
    // SAFETY: this is libc's function of that name and type, and the argument is the caller's.
    unsafe {
        let next: unsafe extern "C" fn(c_int) -> c_long = std::mem::transmute(NEXT.get());
        next(name)
    }
}

/// # Safety
///
/// As `getpid(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getpid() -> pid_t {
    static NEXT: Next = Next::named("getpid\0");
    if is_inside() {
        return 1;
    }
    // SAFETY: this is libc's function of that name and type.
    unsafe {
        let next: unsafe extern "C" fn() -> pid_t = std::mem::transmute(NEXT.get());
        next()
    }
}
