//! Waiting for several descriptors at once: epoll and eventfd, in virtual time.
//!
//! A socket that is watched says when its readiness may have changed; that puts it into the queue
//! of each epoll that it is registered with, as `ep_poll_callback` does. What it is ready for is
//! looked up when the epoll is asked, so that nothing is reported that is no longer so.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    io,
    rc::{Rc, Weak},
};

use libc::{EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLRDHUP, c_int};

use super::{
    descriptors::{self, Kind, Object, Socket},
    kernel::Readiness,
};

/// `EPOLLRDNORM` and `EPOLLWRNORM`, which go with the two that everybody asks for.
const READABLE: c_int = EPOLLIN | libc::EPOLLRDNORM;
const WRITABLE: c_int = EPOLLOUT | libc::EPOLLWRNORM;

thread_local! {
    /// The hosts whose epolls have something to tell since this was last taken.
    static HOSTS: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
}

/// An epoll.
pub(super) struct Epoll {
    /// The host on which it was made.
    host: u16,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    items: Vec<Option<Item>>,
    unused: Vec<usize>,
    places: BTreeMap<c_int, usize>,
    /// The places of the items that may have something to tell.
    queue: VecDeque<usize>,
}

struct Item {
    fd: c_int,
    object: Weak<Object>,
    /// Which events it was registered for, with `EPOLLET` and `EPOLLONESHOT`.
    events: c_int,
    data: u64,
    queued: bool,
}

/// Where an object is registered.
pub(super) struct Watcher {
    epoll: Weak<Object>,
    place: usize,
}

impl Watcher {
    /// The object is no more.
    pub(super) fn forget(&self) {
        if let Some(epoll) = self.epoll.upgrade()
            && let Kind::Epoll(epoll) = &epoll.kind
        {
            epoll.state.borrow_mut().remove(self.place);
        }
    }
}

impl State {
    fn remove(&mut self, place: usize) {
        if let Some(item) = self.items.get_mut(place).and_then(Option::take) {
            self.places.remove(&item.fd);
            self.queue.retain(|queued| *queued != place);
            self.unused.push(place);
        }
    }
}

impl Epoll {
    pub(super) fn new(host: u16) -> Self {
        Self { host, state: RefCell::default() }
    }

    /// Registers, changes or removes a descriptor, as `epoll_ctl(2)`.
    pub(super) fn control(
        this: &Rc<Object>,
        operation: c_int,
        fd: c_int,
        event: Option<(c_int, u64)>,
    ) -> io::Result<()> {
        let os = |code| Err(io::Error::from_raw_os_error(code));
        let Kind::Epoll(epoll) = &this.kind else { return os(libc::EINVAL) };
        let object = descriptors::get(fd)?;
        if Rc::ptr_eq(this, &object) {
            return os(libc::EINVAL);
        }
        let known = epoll.state.borrow().places.get(&fd).copied();
        match (operation, known, event) {
            (libc::EPOLL_CTL_ADD, Some(_), _) => os(libc::EEXIST),
            (libc::EPOLL_CTL_ADD, None, Some((events, data))) => {
                let place = {
                    let mut state = epoll.state.borrow_mut();
                    let object = Rc::downgrade(&object);
                    let item = Some(Item { fd, object, events, data, queued: false });
                    let place = match state.unused.pop() {
                        Some(place) => {
                            state.items[place] = item;
                            place
                        }
                        None => {
                            state.items.push(item);
                            state.items.len() - 1
                        }
                    };
                    state.places.insert(fd, place);
                    place
                };
                if object.watchers.borrow().is_empty()
                    && let Kind::Socket(socket) = &object.kind
                {
                    socket.kernel.watch(socket.id, object.number);
                }
                let watcher = Watcher { epoll: Rc::downgrade(this), place };
                object.watchers.borrow_mut().push(watcher);
                epoll.enqueue(place, &object);
                Ok(())
            }
            (libc::EPOLL_CTL_MOD, Some(place), Some((events, data))) => {
                if let Some(item) = &mut epoll.state.borrow_mut().items[place] {
                    (item.events, item.data) = (events, data);
                }
                epoll.enqueue(place, &object);
                Ok(())
            }
            (libc::EPOLL_CTL_DEL, Some(place), _) => {
                epoll.state.borrow_mut().remove(place);
                let is_this = |watcher: &Watcher| {
                    watcher.place == place
                        && std::ptr::eq(watcher.epoll.as_ptr(), &raw const **this)
                };
                object.watchers.borrow_mut().retain(|watcher| !is_this(watcher));
                Ok(())
            }
            (libc::EPOLL_CTL_MOD | libc::EPOLL_CTL_DEL, None, _) => os(libc::ENOENT),
            (libc::EPOLL_CTL_ADD | libc::EPOLL_CTL_MOD, _, None) => os(libc::EFAULT),
            _ => os(libc::EINVAL),
        }
    }

    /// An item that has something to tell already does so at the next look.
    fn enqueue(&self, place: usize, object: &Object) {
        if mask(object, WRITABLE) != 0 {
            self.queue(place);
        }
    }

    fn queue(&self, place: usize) {
        let mut state = self.state.borrow_mut();
        if let Some(item) = &mut state.items[place]
            && !std::mem::replace(&mut item.queued, true)
        {
            state.queue.push_back(place);
            drop(state);
            has_news(self.host);
        }
    }

    fn has_queued(&self) -> bool {
        !self.state.borrow().queue.is_empty()
    }

    /// What has happened, at most `most` events, with the data that they were registered with.
    pub(super) fn look(&self, most: usize, mut report: impl FnMut(c_int, u64)) -> usize {
        let (mut count, mut again) = (0, Vec::new());
        while count < most {
            let next = {
                let mut state = self.state.borrow_mut();
                let Some(place) = state.queue.pop_front() else { break };
                let Some(item) = &mut state.items[place] else { continue };
                item.queued = false;
                item.object.upgrade().map(|object| (place, object, item.events, item.data))
            };
            let Some((place, object, events, data)) = next else { continue };
            let happened = mask(&object, events) & (events | EPOLLERR | EPOLLHUP);
            if happened == 0 {
                continue;
            }
            report(happened, data);
            count += 1;
            if events & EPOLLONESHOT != 0 {
                if let Some(item) = &mut self.state.borrow_mut().items[place] {
                    item.events &= EPOLLONESHOT | EPOLLET;
                }
            } else if events & EPOLLET == 0 {
                again.push(place);
            }
        }
        let mut state = self.state.borrow_mut();
        for place in again {
            if let Some(item) = &mut state.items[place] {
                item.queued = true;
                state.queue.push_back(place);
            }
        }
        count
    }
}

/// A host is to run: something has happened that its threads wait for.
fn has_news(host: u16) {
    let _ = HOSTS.try_with(|hosts| {
        let mut hosts = hosts.borrow_mut();
        if hosts.last() != Some(&host) {
            hosts.push(host);
        }
    });
}

/// What an object is ready for, in the bits of epoll.
pub(super) fn mask(object: &Object, wanted: c_int) -> c_int {
    match &object.kind {
        Kind::Socket(socket) => of_socket(socket, wanted),
        Kind::Epoll(epoll) => {
            if epoll.has_queued() {
                READABLE
            } else {
                0
            }
        }
        Kind::Event(event) => event.mask(),
        Kind::Channel(channel) => channel.mask(),
        Kind::Unix(socket) => socket.mask(),
        // A file is always ready.
        Kind::File(_) | Kind::Random | Kind::Text(_) => READABLE | WRITABLE,
    }
}

fn of_socket(socket: &Socket, wanted: c_int) -> c_int {
    let found = socket.kernel.readiness(socket.id, wanted & WRITABLE != 0);
    let Readiness { readable, writable, read_closed, hung_up, failed } = found;
    [
        (readable, READABLE),
        (writable, WRITABLE),
        (read_closed, EPOLLRDHUP),
        (hung_up, EPOLLHUP),
        (failed, EPOLLERR),
    ]
    .into_iter()
    .fold(0, |bits, (is, bit)| if is { bits | bit } else { bits })
}

/// Threads begin or cease to wait for descriptors: whose host runs when something happens to them.
pub(super) fn await_all(of: &[(c_int, c_int)], begin: bool) -> io::Result<()> {
    let host = super::kernel().map_or(0, |kernel| kernel.host());
    for object in of.iter().filter_map(|(fd, _)| descriptors::get(*fd).ok()) {
        let mut awaiting = object.awaiting.borrow_mut();
        if begin {
            awaiting.push(host);
            if let Kind::Socket(socket) = &object.kind {
                socket.kernel.watch(socket.id, object.number);
            }
        } else if let Some(place) = awaiting.iter().position(|known| *known == host) {
            awaiting.remove(place);
        }
    }
    Ok(())
}

/// The readiness of the object that a kernel knows by this number may have changed.
pub(crate) fn notify(watcher: u32) {
    if let Some(object) = descriptors::object(watcher) {
        wake(&object);
    }
}

/// Queues an object with the epolls that it is registered with.
fn wake(object: &Object) {
    for host in object.awaiting.borrow().iter() {
        has_news(*host);
    }
    for watcher in object.watchers.borrow().iter() {
        if let Some(epoll) = watcher.epoll.upgrade()
            && let Kind::Epoll(of) = &epoll.kind
        {
            of.queue(watcher.place);
            // An epoll may be registered with another one.
            wake(&epoll);
        }
    }
}

/// Takes the hosts whose epolls have something to tell.
pub(crate) fn take_hosts(into: &mut Vec<u16>) {
    into.clear();
    let _ = HOSTS.try_with(|hosts| std::mem::swap(&mut *hosts.borrow_mut(), into));
}

/// The counter of an eventfd.
pub(super) struct Event {
    count: Cell<u64>,
    semaphore: bool,
}

/// The most that the counter holds.
const EVENT_MAX: u64 = u64::MAX - 1;

impl Event {
    pub(super) fn new(count: u32, semaphore: bool) -> Self {
        Self { count: Cell::new(u64::from(count)), semaphore }
    }

    fn mask(&self) -> c_int {
        let readable = if self.count.get() > 0 { READABLE } else { 0 };
        let writable = if self.count.get() < EVENT_MAX { WRITABLE } else { 0 };
        readable | writable
    }

    /// Takes the count, or one of it.
    pub(super) fn take(this: &Object, event: &Self) -> io::Result<u64> {
        let count = event.count.get();
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = if event.semaphore { 1 } else { count };
        event.count.set(count - taken);
        wake(this);
        Ok(taken)
    }

    /// Adds to the count.
    pub(super) fn add(this: &Object, event: &Self, count: u64) -> io::Result<()> {
        if count == u64::MAX {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let sum = event.count.get().checked_add(count).filter(|sum| *sum <= EVENT_MAX);
        event.count.set(sum.ok_or(io::ErrorKind::WouldBlock)?);
        wake(this);
        Ok(())
    }
}
