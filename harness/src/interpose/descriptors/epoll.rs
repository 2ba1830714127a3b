//! An epoll: what is registered with it, and which of that may have something to tell.
//!
//! An object that is watched says when its readiness may have changed; that puts it into the queue
//! of each epoll that it is registered with, as `ep_poll_callback` does. What it is ready for is
//! looked up when the epoll is asked, so that nothing is reported that is no longer so.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
};

use libc::{EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, c_int};

use super::news::has_news;

/// `EPOLLRDNORM` and `EPOLLWRNORM`, which go with the two that everybody asks for.
pub(super) const READABLE: c_int = EPOLLIN | libc::EPOLLRDNORM;
pub(super) const WRITABLE: c_int = EPOLLOUT | libc::EPOLLWRNORM;

/// An epoll.
pub(crate) struct Epoll {
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
    /// The number of the object.
    number: u32,
    /// Which events it was registered for, with `EPOLLET` and `EPOLLONESHOT`.
    events: c_int,
    data: u64,
    queued: bool,
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
    pub(crate) fn new(host: u16) -> Self {
        Self { host, state: RefCell::default() }
    }

    /// Where a descriptor is registered.
    pub(super) fn place_of(&self, fd: c_int) -> Option<usize> {
        self.state.borrow().places.get(&fd).copied()
    }

    /// Registers a descriptor for the object of this number.
    pub(super) fn add(&self, fd: c_int, number: u32, events: c_int, data: u64) -> usize {
        let mut state = self.state.borrow_mut();
        let item = Some(Item { fd, number, events, data, queued: false });
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
    }

    pub(super) fn change(&self, place: usize, events: c_int, data: u64) {
        if let Some(item) = &mut self.state.borrow_mut().items[place] {
            (item.events, item.data) = (events, data);
        }
    }

    pub(super) fn remove(&self, place: usize) {
        self.state.borrow_mut().remove(place);
    }

    /// What is registered there may have something to tell at the next look.
    pub(super) fn queue(&self, place: usize) {
        let mut state = self.state.borrow_mut();
        if let Some(item) = &mut state.items[place]
            && !std::mem::replace(&mut item.queued, true)
        {
            state.queue.push_back(place);
            drop(state);
            has_news(self.host);
        }
    }

    /// Has anything registered something to tell, as far as is known?
    pub(super) fn has_queued(&self) -> bool {
        !self.state.borrow().queue.is_empty()
    }

    /// What has happened, at most `most` events, with the data that they were registered with. `mask`
    /// says what the object of a number is ready for, if there is one.
    pub(super) fn look(
        &self,
        most: usize,
        mask: impl Fn(u32, c_int) -> Option<c_int>,
        mut report: impl FnMut(c_int, u64),
    ) -> usize {
        let (mut count, mut again) = (0, Vec::new());
        while count < most {
            let (place, number, events, data) = {
                let mut state = self.state.borrow_mut();
                let Some(place) = state.queue.pop_front() else { break };
                let Some(item) = &mut state.items[place] else { continue };
                item.queued = false;
                (place, item.number, item.events, item.data)
            };
            let Some(ready) = mask(number, events) else { continue };
            let happened = ready & (events | EPOLLERR | EPOLLHUP);
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
