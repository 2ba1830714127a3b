//! A socket of a host's kernel.

use std::{collections::VecDeque, io};

use super::{
    address::{Endpoint, Ip},
    tcp::{Connection, Options, Request, Rest},
    udp::Datagrams,
};

/// A socket: the place in the table and how often that place was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SocketId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl SocketId {
    pub(crate) const NONE: Self = Self { slot: u32::MAX, generation: 0 };

    /// The number that a process knows the socket by.
    pub(crate) fn number(self) -> u64 {
        (u64::from(self.generation) << 32) | u64::from(self.slot)
    }

    pub(crate) fn from_number(number: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the number")]
        Self { slot: number as u32, generation: (number >> 32) as u32 }
    }
}

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) host: u16,
    /// The process has it: it was not closed, and is not yet to be accepted.
    pub(crate) open: bool,
    /// In which order sockets were made.
    pub(crate) number: u64,
    /// It was made for IPv6, and shows IPv4 addresses as mapped ones.
    pub(crate) v6: bool,
    /// It takes nothing of IPv4.
    pub(crate) v6_only: bool,
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) local: Option<Endpoint>,
    /// The process has asked for this port.
    pub(crate) bound: bool,
    pub(crate) remote: Option<Endpoint>,
    /// The peer's socket, once a packet of it has come.
    pub(crate) peer: SocketId,
    pub(crate) options: Options,
    pub(crate) kind: Kind,
    /// When the process last wrote to it.
    pub(crate) wrote_at: u64,
    /// When a timer of the network is set for it.
    pub(crate) timer: Option<u64>,
    /// A later one that was set before, and is still there.
    pub(crate) later_timer: Option<u64>,
    /// Who is told when it may have become readable or writable.
    pub(crate) watcher: Option<u32>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// A TCP socket that is neither listening nor connected.
    Fresh,
    Listener(Listener),
    Connection(Box<Connection>),
    /// In the SYN queue of a listener.
    Request {
        listener: SocketId,
        request: Box<Request>,
    },
    Rest(Rest),
    Udp(Box<Datagrams>),
}

#[derive(Debug, Default)]
pub(crate) struct Listener {
    pub(crate) backlog: usize,
    /// Connections that wait to be accepted.
    pub(crate) queue: VecDeque<SocketId>,
    /// Requests that are in the SYN queue.
    pub(crate) requests: usize,
}

impl Socket {
    pub(crate) fn new(host: u16, number: u64, v6: bool, kind: Kind) -> Self {
        Self {
            host,
            open: true,
            number,
            v6,
            v6_only: false,
            reuse_address: false,
            reuse_port: false,
            local: None,
            bound: false,
            remote: None,
            peer: SocketId::NONE,
            options: Options::default(),
            kind,
            wrote_at: 0,
            timer: None,
            later_timer: None,
            watcher: None,
        }
    }

    pub(crate) fn connection(&self) -> Option<&Connection> {
        match &self.kind {
            Kind::Connection(connection) => Some(connection),
            _ => None,
        }
    }

    /// The address that stands for all of this socket's family.
    pub(crate) fn any(&self) -> Ip {
        if self.v6 { Ip::ANY_6 } else { Ip::ANY }
    }

    /// Does it hold this local address: itself, or as one of all?
    pub(crate) fn covers(&self, local: Endpoint) -> bool {
        self.local.is_some_and(|own| {
            own.port == local.port
                && (own.ip == local.ip
                    || own.ip == Ip::ANY && !local.ip.is_v6()
                    || own.ip == Ip::ANY_6 && (local.ip.is_v6() || !self.v6_only))
        })
    }

    pub(crate) fn is_readable(&self) -> bool {
        match &self.kind {
            Kind::Connection(connection) => connection.is_readable(),
            Kind::Listener(listener) => !listener.queue.is_empty(),
            Kind::Udp(datagrams) => datagrams.is_readable(),
            _ => true,
        }
    }

    pub(crate) fn is_writable(&self) -> bool {
        match &self.kind {
            Kind::Connection(connection) => connection.is_writable(),
            Kind::Listener(_) => false,
            _ => true,
        }
    }
}

/// The error of a call on a socket that is no more.
pub(crate) fn bad_descriptor() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}
