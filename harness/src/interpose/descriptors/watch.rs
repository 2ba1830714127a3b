//! Who is told when something happens to an object: the epolls that it is registered with, and the hosts
//! whose threads wait for it. An object is known by its number here.

use std::{
    cell::RefCell,
    mem,
    rc::{Rc, Weak},
};

use super::{epoll::Epoll, news::has_news};

/// Where an object is registered.
struct Watcher {
    epoll: Weak<Epoll>,
    /// The number of the epoll as an object.
    number: u32,
    place: usize,
}

/// Who watches an object.
#[derive(Default)]
struct Watched {
    /// The epolls that it is registered with.
    watchers: Vec<Watcher>,
    /// The hosts whose threads wait for it.
    awaiting: Vec<u16>,
}

thread_local! {
    /// By the number of the object, as far as any was watched.
    static WATCHED: RefCell<Vec<Watched>> = const { RefCell::new(Vec::new()) };
}

/// Does something with who watches an object; `None` if the thread has come so far to its end that nobody
/// does.
fn with_watched<R>(number: u32, act: impl FnOnce(&mut Watched) -> R) -> Option<R> {
    let place = number as usize;
    let found = WATCHED.try_with(|all| {
        let mut all = all.borrow_mut();
        if place >= all.len() {
            all.resize_with(place + 1, Watched::default);
        }
        act(&mut all[place])
    });
    found.ok()
}

/// Is the object registered with any epoll?
pub(super) fn is_watched(number: u32) -> bool {
    with_watched(number, |watched| !watched.watchers.is_empty()).unwrap_or(false)
}

/// The object is registered with an epoll, whose number is `of`.
pub(super) fn register(number: u32, epoll: &Rc<Epoll>, of: u32, place: usize) {
    let watcher = Watcher { epoll: Rc::downgrade(epoll), number: of, place };
    let _ = with_watched(number, |watched| watched.watchers.push(watcher));
}

/// It no longer is.
pub(super) fn unregister(number: u32, epoll: &Rc<Epoll>, place: usize) {
    let is_this = |watcher: &Watcher| {
        watcher.place == place && std::ptr::eq(watcher.epoll.as_ptr(), Rc::as_ptr(epoll))
    };
    let _ = with_watched(number, |watched| watched.watchers.retain(|watcher| !is_this(watcher)));
}

/// A thread of a host begins or ceases to wait for the object.
pub(super) fn set_awaited(number: u32, host: u16, begin: bool) {
    let _ = with_watched(number, |watched| {
        if begin {
            watched.awaiting.push(host);
        } else if let Some(place) = watched.awaiting.iter().position(|known| *known == host) {
            watched.awaiting.remove(place);
        }
    });
}

/// The readiness of the object that a kernel knows by this number may have changed.
pub(crate) fn notify(number: u32) {
    let _ = WATCHED.try_with(|all| wake(&all.borrow(), number));
}

/// Queues an object with the epolls that it is registered with.
fn wake(all: &[Watched], number: u32) {
    let Some(watched) = all.get(number as usize) else { return };
    for host in &watched.awaiting {
        has_news(*host);
    }
    for watcher in &watched.watchers {
        if let Some(epoll) = watcher.epoll.upgrade() {
            epoll.queue(watcher.place);
            // An epoll may be registered with another one.
            wake(all, watcher.number);
        }
    }
}

/// The object is no more.
pub(super) fn release(number: u32) {
    // All of it may be gone already.
    let watched = WATCHED.try_with(|all| all.borrow_mut().get_mut(number as usize).map(mem::take));
    for watcher in watched.ok().flatten().into_iter().flat_map(|watched| watched.watchers) {
        if let Some(epoll) = watcher.epoll.upgrade() {
            epoll.remove(watcher.place);
        }
    }
}

/// The run is over: nobody is told anything any more.
pub(super) fn forget() {
    WATCHED.take();
}
