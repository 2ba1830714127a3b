//! The calls of libc that wait for descriptors, and make what wakes who waits: epoll, poll and eventfd.

use std::{io, rc::Rc};

use libc::{EPOLLERR, EPOLLHUP, EPOLLIN, c_int, c_uint, epoll_event, nfds_t, pollfd, timespec};

use crate::interpose::{
    answers::{answer, bad, os},
    clocks::{now, when_over},
    descriptors::{self, Epoll, Event, Kind, is_simulated, mask, on_descriptors},
    idle::idle,
    lockstep::{pass_until, settle, wait_for},
    real::{Next, really},
    refusal,
    threads::{active, at_kernel, is_inside, kernel},
};

/// The longest time that a call waits which waits for ever.
const FOR_EVER: c_int = -1;

/// # Safety
///
/// As `epoll_create1(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create1(flags: c_int) -> c_int {
    static NEXT: Next = Next::named("epoll_create1\0");
    if is_inside() {
        return answer(|| {
            at_kernel(|| {
                let kernel = kernel().ok_or_else(bad)?;
                let epoll = Kind::Epoll(Rc::new(Epoll::new(kernel.host())));
                descriptors::open(epoll, false, flags & libc::EPOLL_CLOEXEC != 0)
            })
        });
    }
    // SAFETY: this is libc's function of that name and type.
    unsafe {
        let next: unsafe extern "C" fn(c_int) -> c_int = std::mem::transmute(NEXT.get());
        next(flags)
    }
}

/// # Safety
///
/// As `eventfd(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn eventfd(count: c_uint, flags: c_int) -> c_int {
    static NEXT: Next = Next::named("eventfd\0");
    if is_inside() {
        return answer(|| {
            at_kernel(|| {
                let event = Event::new(count, flags & libc::EFD_SEMAPHORE != 0);
                let nonblocking = flags & libc::EFD_NONBLOCK != 0;
                descriptors::open(Kind::Event(event), nonblocking, flags & libc::EFD_CLOEXEC != 0)
            })
        });
    }
    // SAFETY: this is libc's function of that name and type.
    unsafe {
        let next: unsafe extern "C" fn(c_uint, c_int) -> c_int = std::mem::transmute(NEXT.get());
        next(count, flags)
    }
}

/// What an epoll has to tell.
///
/// # Safety
///
/// There is room for `most` events at `out`.
unsafe fn look(epoll: c_int, out: *mut epoll_event, most: c_int) -> io::Result<c_int> {
    let most = usize::try_from(most).ok().filter(|most| *most > 0);
    let Some(most) = most else { return os(libc::EINVAL) };
    let out = out as usize;
    let count = at_kernel(move || {
        let object = descriptors::get(epoll)?;
        let Kind::Epoll(epoll) = &object.kind else { return os(libc::EINVAL) };
        let mut place = out as *mut epoll_event;
        Ok(descriptors::look(epoll, most, |events, data| {
            let event = epoll_event { events: events.cast_unsigned(), u64: data };
            // SAFETY: the caller, who waits, vouches for so many places.
            unsafe {
                place.write_unaligned(event);
                place = place.add(1);
            }
        }))
    })?;
    Ok(c_int::try_from(count).unwrap_or(c_int::MAX))
}

/// # Safety
///
/// As `epoll_wait(2)`.
unsafe fn wait(
    epoll: c_int,
    out: *mut epoll_event,
    most: c_int,
    timeout_ms: c_int,
) -> io::Result<c_int> {
    let until = (timeout_ms >= 0).then(|| now() + timeout_ms.unsigned_abs() as u64 * 1_000_000);
    loop {
        // SAFETY: the caller vouches for the places.
        let happened = unsafe { look(epoll, out, most) }?;
        if happened > 0 || timeout_ms == 0 && !active() {
            return Ok(happened);
        }
        if active() {
            if timeout_ms != 0 && settle() {
                // SAFETY: as above.
                let happened = unsafe { look(epoll, out, most) }?;
                if happened > 0 {
                    return Ok(happened);
                }
            }
            idle(timeout_ms);
            return Ok(0);
        }
        if !wait_for(&[(epoll, EPOLLIN)], until)? {
            return Ok(0);
        }
    }
}

on_descriptors! {
    /// `epoll_wait(2)`
    fn epoll_wait(epoll, events: *mut epoll_event, most: c_int, timeout_ms: c_int) -> c_int {
        // SAFETY: the caller vouches for the places.
        unsafe { wait(epoll, events, most, timeout_ms) }
    }

    /// `epoll_pwait(2)`
    fn epoll_pwait(
        epoll,
        events: *mut epoll_event,
        most: c_int,
        timeout_ms: c_int,
        signals: *const libc::sigset_t,
    ) -> c_int {
        // Nothing in a run is interrupted by a signal.
        let _ = signals;
        // SAFETY: the caller vouches for the places.
        unsafe { wait(epoll, events, most, timeout_ms) }
    }

}

/// What `poll(2)` finds; the descriptors of a run only.
fn poll_once(wanted: &mut [pollfd]) -> io::Result<c_int> {
    let mut count = 0;
    for entry in wanted {
        entry.revents = 0;
        if entry.fd < 0 {
            continue;
        }
        let (fd, events) = (entry.fd, c_int::from(entry.events));
        let found = at_kernel(move || match descriptors::get(fd) {
            // The bits of poll are those of epoll.
            Ok(object) => Ok(mask(&object, events) & (events | EPOLLERR | EPOLLHUP)),
            Err(_) => Ok(c_int::from(libc::POLLNVAL)),
        })?;
        entry.revents = i16::try_from(found).unwrap_or(0);
        count += c_int::from(found != 0);
    }
    Ok(count)
}

/// # Safety
///
/// As `poll(2)`.
unsafe fn poll_until(
    fds: *mut pollfd,
    count: nfds_t,
    until: Option<u64>,
    waits: bool,
) -> io::Result<c_int> {
    let count = usize::try_from(count).or_else(|_| os(libc::EINVAL))?;
    // SAFETY: the caller vouches for so many entries.
    let wanted = unsafe { std::slice::from_raw_parts_mut(fds, count) };
    loop {
        let found = poll_once(wanted)?;
        if found > 0 || !waits {
            return Ok(found);
        }
        let of: Vec<(c_int, c_int)> =
            wanted.iter().map(|entry| (entry.fd, c_int::from(entry.events))).collect();
        if !wait_for(&of, until)? {
            return Ok(0);
        }
    }
}

/// Are these descriptors of a run?
///
/// # Safety
///
/// As `poll(2)`.
unsafe fn are_simulated(fds: *const pollfd, count: nfds_t) -> bool {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller vouches for so many entries.
    count > 0
        && unsafe { std::slice::from_raw_parts(fds, count) }.iter().any(|it| is_simulated(it.fd))
}

/// Waits for descriptors of which none is of the run: what the machine has to tell is asked for once,
/// and the rest is a sleep.
///
/// # Safety
///
/// As `poll(2)`.
unsafe fn poll_the_machine(
    fds: *mut pollfd,
    count: nfds_t,
    until: Option<u64>,
) -> io::Result<c_int> {
    let at_once = timespec { tv_sec: 0, tv_nsec: 0 };
    let (place, many) = (fds as usize, usize::try_from(count).unwrap_or(0));
    let arguments = [place, many, (&raw const at_once) as usize, 0, 0];
    // SAFETY: the descriptors are the caller's, and the time lives as long as the call.
    let look = || unsafe { really(libc::SYS_ppoll, arguments) };
    let found = if count > 0 { look() } else { 0 };
    if found != 0 {
        return if found < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(c_int::try_from(found).unwrap_or(c_int::MAX))
        };
    }
    let Some(until) = until else {
        refusal::refuse("it waits for ever for descriptors that are not of the simulation");
        return os(libc::EINTR);
    };
    pass_until(until);
    Ok(0)
}

/// # Safety
///
/// As `poll(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn poll(fds: *mut pollfd, count: nfds_t, timeout_ms: c_int) -> c_int {
    static NEXT: Next = Next::named("poll\0");
    let until = || {
        (timeout_ms > FOR_EVER).then(|| now() + u64::from(timeout_ms.unsigned_abs()) * 1_000_000)
    };
    // SAFETY: the arguments are the caller's.
    if unsafe { are_simulated(fds, count) } {
        let until = until();
        // SAFETY: as above.
        return answer(|| unsafe { poll_until(fds, count, until, timeout_ms != 0) });
    }
    if is_inside() {
        // SAFETY: as above.
        return answer(|| unsafe { poll_the_machine(fds, count, until()) });
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(*mut pollfd, nfds_t, c_int) -> c_int =
        unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(fds, count, timeout_ms) }
}

/// # Safety
///
/// As `ppoll(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(
    fds: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    signals: *const libc::sigset_t,
) -> c_int {
    static NEXT: Next = Next::named("ppoll\0");
    // SAFETY: the caller vouches for it.
    let asked = (!timeout.is_null()).then(|| unsafe { timeout.read_unaligned() });
    let until = || asked.map(|asked| when_over(asked, None));
    // SAFETY: the arguments are the caller's.
    if unsafe { are_simulated(fds, count) } {
        let until = until();
        let waits = until.is_none_or(|until| until > now());
        // SAFETY: as above.
        return answer(|| unsafe { poll_until(fds, count, until, waits) });
    }
    if is_inside() {
        // SAFETY: as above.
        return answer(|| unsafe { poll_the_machine(fds, count, until()) });
    }
    // SAFETY: this is libc's function of that name and type.
    let next: unsafe extern "C" fn(
        *mut pollfd,
        nfds_t,
        *const timespec,
        *const libc::sigset_t,
    ) -> c_int = unsafe { std::mem::transmute(NEXT.get()) };
    // SAFETY: the arguments are the caller's.
    unsafe { next(fds, count, timeout, signals) }
}
