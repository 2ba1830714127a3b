//! The calls of libc on descriptors of any kind: more of them, what they are set to, their end.

use std::io;

use libc::c_int;

use crate::interpose::{
    answers::{answer, os},
    descriptors::{self, Kind, is_simulated, on_descriptors},
    threads::{at_descriptors, in_run},
};

on_descriptors! {
    /// `fcntl(2)`, whose argument has the size of a pointer in any case
    fn fcntl(fd, command: c_int, argument: usize) -> c_int {
        control(fd, command, argument)
    }

    /// What C code with large files calls for `fcntl(2)`
    fn fcntl64(fd, command: c_int, argument: usize) -> c_int {
        control(fd, command, argument)
    }

    /// `dup(2)`
    fn dup(fd) -> c_int {
        at_descriptors(|| descriptors::duplicate(fd, 0, false))
    }

    /// `dup2(2)`
    fn dup2(fd, new: c_int) -> c_int {
        if fd == new {
            return Ok(new);
        }
        at_descriptors(|| descriptors::duplicate_to(fd, new, false))
    }

    /// `dup3(2)`
    fn dup3(fd, new: c_int, flags: c_int) -> c_int {
        if fd == new {
            return os(libc::EINVAL);
        }
        let close_on_exec = flags & libc::O_CLOEXEC != 0;
        at_descriptors(|| descriptors::duplicate_to(fd, new, close_on_exec))
    }

    /// `close(2)`
    fn close(fd) -> c_int {
        // With its run, all that it had has been closed.
        if !in_run() || descriptors::all_closed() {
            return Ok(0);
        }
        at_descriptors(|| descriptors::close(fd).map(|()| 0))
    }

    /// `epoll_ctl(2)`
    fn epoll_ctl(epoll, operation: c_int, fd: c_int, event: *mut libc::epoll_event) -> c_int {
        // SAFETY: the caller vouches for the event; the operation that has none ignores it.
        let event = (!event.is_null()).then(|| unsafe { event.read_unaligned() });
        let event = event.map(|event| (event.events.cast_signed(), event.u64));
        at_descriptors(|| {
            // The real kernel has nothing to tell about what a run looks at: signals that tests of
            // the harness never get.
            if !is_simulated(fd) {
                return Ok(0);
            }
            descriptors::control(&descriptors::get(epoll)?, operation, fd, event).map(|()| 0)
        })
    }
}

fn control(fd: c_int, command: c_int, argument: usize) -> io::Result<c_int> {
    #[expect(clippy::cast_possible_truncation, reason = "a number of C in a register")]
    let number = argument as c_int;
    at_descriptors(|| match command {
        libc::F_DUPFD => descriptors::duplicate(fd, number, false),
        libc::F_DUPFD_CLOEXEC => descriptors::duplicate(fd, number, true),
        // What outlives its run may look whether it is open before it is closed, as std does.
        libc::F_GETFD if !in_run() || descriptors::all_closed() => Ok(libc::FD_CLOEXEC),
        libc::F_GETFD => Ok(if descriptors::close_on_exec(fd)? { libc::FD_CLOEXEC } else { 0 }),
        libc::F_SETFD => {
            descriptors::set_close_on_exec(fd, number & libc::FD_CLOEXEC != 0).map(|()| 0)
        }
        libc::F_GETFL => {
            let object = descriptors::get(fd)?;
            let access = match &object.kind {
                Kind::File(file) => file.access(),
                _ => libc::O_RDWR,
            };
            Ok(access | if object.nonblocking.get() { libc::O_NONBLOCK } else { 0 })
        }
        libc::F_SETFL => {
            descriptors::get(fd)?.nonblocking.set(number & libc::O_NONBLOCK != 0);
            Ok(0)
        }
        // Such locks keep other processes out, and a host has one.
        libc::F_SETLK | libc::F_SETLKW | libc::F_OFD_SETLK | libc::F_OFD_SETLKW => {
            descriptors::get(fd).map(|_| 0)
        }
        libc::F_GETLK | libc::F_OFD_GETLK => {
            descriptors::get(fd)?;
            // SAFETY: these commands have a lock there.
            unsafe {
                (*(argument as *mut libc::flock)).l_type =
                    libc::c_short::try_from(libc::F_UNLCK).unwrap_or(0);
            }
            Ok(0)
        }
        _ => os(libc::EINVAL),
    })
}

/// `close_range(2)`: of the run's descriptors, since the real ones belong to the harness.
pub(crate) fn close_range(first: libc::c_uint, last: libc::c_uint) -> isize {
    answer(|| {
        at_descriptors(|| {
            for fd in descriptors::all() {
                if (first..=last).contains(&fd.unsigned_abs()) {
                    descriptors::close(fd)?;
                }
            }
            Ok(0)
        })
    })
}
