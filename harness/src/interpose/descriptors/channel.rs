//! The ends of pipes, of pairs of sockets and of connections of Unix sockets.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use libc::{EPOLLIN, EPOLLOUT, c_int};

use super::{flow::Flow, name::Name};

/// For how many nanoseconds a call waits that may; zero is for ever.
#[derive(Default)]
pub(crate) struct Timeouts {
    pub(crate) receive: Cell<u64>,
    pub(crate) send: Cell<u64>,
}

/// One end of a channel.
pub(crate) struct Channel {
    pub(crate) incoming: Option<Rc<Flow>>,
    pub(crate) outgoing: Option<Rc<Flow>>,
    /// Whether it is a socket, and the names of a Unix one: its own, and its peer's.
    pub(crate) is_socket: bool,
    pub(crate) name: RefCell<Option<Name>>,
    pub(crate) peer: RefCell<Option<Name>>,
    pub(crate) timeouts: Timeouts,
}

impl Channel {
    pub(crate) fn new(
        incoming: Option<Rc<Flow>>,
        outgoing: Option<Rc<Flow>>,
        is_socket: bool,
    ) -> Self {
        let (name, peer) = (RefCell::default(), RefCell::default());
        Self { incoming, outgoing, is_socket, name, peer, timeouts: Timeouts::default() }
    }

    /// Both ends of a pair of connected sockets.
    pub(crate) fn pair() -> (Self, Self) {
        let (one, other) = (Flow::of_socket(), Flow::of_socket());
        let first = Self::new(Some(Rc::clone(&one)), Some(Rc::clone(&other)), true);
        (first, Self::new(Some(other), Some(one), true))
    }

    /// From now on its object is told what happens at the other end.
    pub(crate) fn join(&self, number: u32) {
        if let Some(flow) = &self.incoming {
            flow.reader.set(Some(number));
        }
        if let Some(flow) = &self.outgoing {
            flow.writer.set(Some(number));
        }
    }

    /// What it is ready for, in the bits of epoll.
    pub(crate) fn mask(&self) -> c_int {
        let mut bits = 0;
        let (mut read_over, mut write_over) = (true, true);
        if let Some(flow) = &self.incoming {
            read_over = flow.has_ended();
            if read_over || flow.len() > 0 {
                bits |= EPOLLIN | libc::EPOLLRDNORM;
            }
            if read_over {
                bits |= libc::EPOLLRDHUP;
            }
        }
        if let Some(flow) = &self.outgoing {
            write_over = flow.is_refused() || flow.has_ended();
            if write_over || flow.has_room() {
                bits |= EPOLLOUT | libc::EPOLLWRNORM;
            }
            if flow.is_refused() && !self.is_socket {
                bits |= libc::EPOLLERR;
            }
        }
        if read_over && write_over { bits | libc::EPOLLHUP } else { bits }
    }

    /// Nothing more is read, written or both, as `shutdown(2)` has it.
    pub(crate) fn shut_down(&self, how: c_int) {
        if how != libc::SHUT_WR
            && let Some(flow) = &self.incoming
        {
            flow.end();
            flow.refuse();
        }
        if how != libc::SHUT_RD
            && let Some(flow) = &self.outgoing
        {
            flow.end();
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(flow) = &self.incoming {
            flow.reader.set(None);
            flow.refuse();
        }
        if let Some(flow) = &self.outgoing {
            flow.writer.set(None);
            flow.end();
        }
    }
}
