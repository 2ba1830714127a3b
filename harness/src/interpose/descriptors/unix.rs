//! Unix stream sockets: new, listening or connected.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use libc::{EPOLLIN, EPOLLOUT, c_int};

use super::{
    channel::{Channel, Timeouts},
    name::Name,
};
use crate::interpose::threads::wake_waiters;

/// A Unix socket: new, a listener, or connected by itself.
pub(crate) struct UnixSocket {
    /// Of which process it is.
    pub(crate) process: u32,
    pub(crate) name: RefCell<Option<Name>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) connected: RefCell<Option<Channel>>,
    /// Connections that nobody has accepted, and how many there may be.
    pub(crate) waiting: RefCell<VecDeque<Channel>>,
    pub(crate) backlog: Cell<Option<usize>>,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Whoever waits to be let in finds nobody.
        self.waiting.take();
        wake_waiters(self.door(), usize::MAX);
    }
}

impl UnixSocket {
    /// A new one of this process.
    pub(crate) fn new(process: u32) -> Self {
        Self {
            process,
            name: RefCell::default(),
            timeouts: Timeouts::default(),
            connected: RefCell::default(),
            waiting: RefCell::default(),
            backlog: Cell::new(None),
        }
    }

    /// What those wait for who connect while the backlog is full.
    pub(crate) fn door(&self) -> usize {
        std::ptr::from_ref(&self.backlog) as usize
    }

    pub(crate) fn listens(&self) -> bool {
        self.backlog.get().is_some()
    }

    pub(crate) fn mask(&self) -> c_int {
        if let Some(channel) = &*self.connected.borrow() {
            return channel.mask();
        }
        match self.backlog.get() {
            Some(_) if self.waiting.borrow().is_empty() => 0,
            Some(_) => EPOLLIN | libc::EPOLLRDNORM,
            None => EPOLLOUT | libc::EPOLLHUP,
        }
    }
}
