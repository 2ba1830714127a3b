//! Waiting for several descriptors at once, in virtual time: what an epoll is told of, and what it tells.

use std::{io, rc::Rc};

use libc::c_int;

use super::{
    epoll::{Epoll, WRITABLE},
    event::Event,
    readiness::mask,
    table::{self, Kind, Object, get},
    watch,
};
use crate::interpose::{answers::os, threads::kernel};

/// Registers, changes or removes a descriptor, as `epoll_ctl(2)`.
pub(crate) fn control(
    this: &Rc<Object>,
    operation: c_int,
    fd: c_int,
    event: Option<(c_int, u64)>,
) -> io::Result<()> {
    let Kind::Epoll(epoll) = &this.kind else { return os(libc::EINVAL) };
    let object = get(fd)?;
    if Rc::ptr_eq(this, &object) {
        return os(libc::EINVAL);
    }
    match (operation, epoll.place_of(fd), event) {
        (libc::EPOLL_CTL_ADD, Some(_), _) => os(libc::EEXIST),
        (libc::EPOLL_CTL_ADD, None, Some((events, data))) => {
            let place = epoll.add(fd, object.number, events, data);
            if !watch::is_watched(object.number)
                && let Kind::Socket(socket) = &object.kind
            {
                socket.kernel.watch(socket.id, object.number);
            }
            watch::register(object.number, epoll, this.number, place);
            enqueue(epoll, place, &object);
            Ok(())
        }
        (libc::EPOLL_CTL_MOD, Some(place), Some((events, data))) => {
            epoll.change(place, events, data);
            enqueue(epoll, place, &object);
            Ok(())
        }
        (libc::EPOLL_CTL_DEL, Some(place), _) => {
            epoll.remove(place);
            watch::unregister(object.number, epoll, place);
            Ok(())
        }
        (libc::EPOLL_CTL_MOD | libc::EPOLL_CTL_DEL, None, _) => os(libc::ENOENT),
        (libc::EPOLL_CTL_ADD | libc::EPOLL_CTL_MOD, _, None) => os(libc::EFAULT),
        _ => os(libc::EINVAL),
    }
}

/// What has something to tell already does so at the next look.
fn enqueue(epoll: &Epoll, place: usize, object: &Object) {
    if mask(object, WRITABLE) != 0 {
        epoll.queue(place);
    }
}

/// What has happened, at most `most` events, with the data that they were registered with.
pub(crate) fn look(epoll: &Epoll, most: usize, report: impl FnMut(c_int, u64)) -> usize {
    let mask_of = |number, events| Some(mask(&*table::object(number)?, events));
    epoll.look(most, mask_of, report)
}

/// Threads begin or cease to wait for descriptors: whose host runs when something happens to them.
pub(crate) fn await_all(of: &[(c_int, c_int)], begin: bool) -> io::Result<()> {
    let host = kernel().map_or(0, |kernel| kernel.host());
    for object in of.iter().filter_map(|(fd, _)| get(*fd).ok()) {
        watch::set_awaited(object.number, host, begin);
        if begin && let Kind::Socket(socket) = &object.kind {
            socket.kernel.watch(socket.id, object.number);
        }
    }
    Ok(())
}

/// Does something with an eventfd, of which the number is told; `None` if it is none.
pub(crate) fn event<R>(
    fd: c_int,
    act: impl FnOnce(u32, &Event) -> io::Result<R>,
) -> io::Result<Option<R>> {
    let object = get(fd)?;
    match &object.kind {
        Kind::Event(event) => act(object.number, event).map(Some),
        _ => Ok(None),
    }
}
