//! What processes ask their kernel for: the system calls on sockets, none of which waits.

use std::{
    io::{self, IoSlice},
    net::{Shutdown, SocketAddr},
    rc::Rc,
};

use bytes::Bytes;
use tokio::io::ReadBuf;

use super::{
    Network,
    address::{Endpoint, Ip},
    packet::{Body, Packet},
    socket::{Kind, Listener, Socket, SocketId, bad_descriptor},
    tcp::{Connection, State},
    udp::{DATAGRAM_MAX, Datagrams},
};
use crate::interpose::{Readiness, SocketOption, SocketOptionName};

/// The least and the most that a buffer is set to: `SOCK_MIN_SNDBUF`, `SOCK_MIN_RCVBUF`, and twice
/// `net.core.rmem_max` and `wmem_max`.
const SEND_MIN: u64 = 4_608;
const RECEIVE_MIN: u64 = 2_304;
const SIZE_MAX: u64 = 425_984;
/// `net.ipv4.ip_default_ttl`.
const TTL: u32 = 64;

impl Network {
    /// Makes a socket.
    pub(crate) fn socket(&mut self, host: u16, stream: bool, v6: bool) -> SocketId {
        let kind = if stream { Kind::Fresh } else { Kind::Udp(Box::<Datagrams>::default()) };
        self.add(Socket::new(host, 0, v6, kind))
    }

    /// Binds a socket to an address of its host.
    pub(crate) fn bind(&mut self, id: SocketId, address: SocketAddr) -> io::Result<()> {
        let socket = self.owned(id)?;
        if socket.local.is_some() || (address.is_ipv4() && socket.v6) {
            return Err(os(libc::EINVAL));
        }
        if address.is_ipv6() && !socket.v6 {
            return Err(os(libc::EAFNOSUPPORT));
        }
        let (host, udp) = (socket.host, matches!(socket.kind, Kind::Udp(_)));
        let mut local = Endpoint::from(address);
        let own = local.ip.is_any() || local.ip.is_loopback() || local.ip.host() == Some(host);
        if !own {
            return Err(os(libc::EADDRNOTAVAIL));
        }
        if local.port == 0 {
            let free = self.ports.ephemeral(host, udp, None);
            local.port = free.ok_or_else(|| os(libc::EADDRINUSE))?;
        } else if self.is_in_use(id, local)? {
            return Err(os(libc::EADDRINUSE));
        }
        let socket = self.owned(id)?;
        (socket.local, socket.bound) = (Some(local), true);
        self.ports.bind(host, udp, local.port, id);
        Ok(())
    }

    /// Is an address in use, so that this socket cannot have it?
    fn is_in_use(&mut self, id: SocketId, local: Endpoint) -> io::Result<bool> {
        let socket = self.owned(id)?;
        let (host, udp) = (socket.host, matches!(socket.kind, Kind::Udp(_)));
        let (reuse_address, reuse_port) = (socket.reuse_address, socket.reuse_port);
        let holder = self.ports.bound(host, udp, local.port).iter().any(|other| {
            let Some(other) = self.get(*other).filter(|_| *other != id) else { return false };
            let Some(held) = other.local else { return false };
            let overlaps = held.ip == local.ip
                || other.covers(local)
                || (local.ip == Ip::ANY && !held.ip.is_v6())
                || local.ip == Ip::ANY_6;
            let listens = matches!(other.kind, Kind::Listener(_));
            let shares = (reuse_address && other.reuse_address && !listens)
                || (reuse_port && other.reuse_port);
            overlaps && !shares
        });
        Ok(holder || (!udp && !reuse_address && self.ports.connections(host, local.port) > 0))
    }

    /// Lets a socket listen.
    pub(crate) fn listen(&mut self, id: SocketId, backlog: u32) -> io::Result<()> {
        let backlog = backlog.min(self.somaxconn) as usize;
        let socket = self.owned(id)?;
        if let Kind::Listener(listener) = &mut socket.kind {
            listener.backlog = backlog;
            return Ok(());
        }
        if !matches!(socket.kind, Kind::Fresh) {
            return Err(os(libc::EINVAL));
        }
        let any = socket.any();
        let local = match socket.local {
            Some(local) => local,
            None => {
                self.bind(id, Endpoint::new(any, 0).shown(any.is_v6()))?;
                self.owned(id)?.local.ok_or_else(|| os(libc::EINVAL))?
            }
        };
        if self.is_in_use(id, local)? {
            return Err(os(libc::EADDRINUSE));
        }
        self.owned(id)?.kind = Kind::Listener(Listener { backlog, ..Listener::default() });
        Ok(())
    }

    /// Opens a connection, or says whom a datagram socket talks to. The former is under way then:
    /// the socket becomes writable when it is known how it ended.
    pub(crate) fn connect(
        &mut self,
        id: SocketId,
        address: SocketAddr,
        now: u64,
    ) -> io::Result<()> {
        let mut remote = Endpoint::from(address);
        let socket = self.owned(id)?;
        if remote.ip.is_v6() && !socket.v6 {
            return Err(os(libc::EAFNOSUPPORT));
        }
        if remote.ip.is_any() {
            remote.ip = if remote.ip.is_v6() { Ip::LOOPBACK_6 } else { Ip::LOOPBACK };
        }
        let (host, udp) = (socket.host, matches!(socket.kind, Kind::Udp(_)));
        if address.is_ipv4() && socket.v6 && !udp {
            return Err(os(libc::EINVAL));
        }
        match socket.kind {
            Kind::Fresh | Kind::Udp(_) => {}
            Kind::Connection(_) => return Err(os(libc::EISCONN)),
            _ => return Err(os(libc::EINVAL)),
        }
        let bound = socket.local;
        let from = match bound.filter(|local| !local.ip.is_any()) {
            Some(local) => local.ip,
            None => source(host, remote.ip),
        };
        let port = match bound {
            Some(local) => local.port,
            None => {
                let peers = Some((from, remote));
                let free = self.ports.ephemeral(host, udp, peers.filter(|_| !udp));
                free.ok_or_else(|| os(libc::EADDRNOTAVAIL))?
            }
        };
        let local = Endpoint::new(from, port);
        if udp {
            let socket = self.owned(id)?;
            (socket.local, socket.remote) = (Some(local), Some(remote));
            self.ports.bind(host, true, port, id);
            return Ok(());
        }
        if self.ports.connection(host, local, remote).is_some() {
            return Err(os(libc::EADDRNOTAVAIL));
        }
        let iss = self.draw_sequence();
        let draw = u32::try_from(iss % 7).unwrap_or(0);
        let config = Rc::clone(&self.config);
        let mut out = std::mem::take(&mut self.out);
        let socket = self.owned(id)?;
        (socket.local, socket.remote) = (Some(local), Some(remote));
        let mss = Self::mss(from);
        let connection = Connection::open(&config, &socket.options, iss, mss, draw, now, &mut out);
        socket.kind = Kind::Connection(Box::new(connection));
        self.out = out;
        self.hosts[usize::from(host)].opened += 1;
        if self.fabric.remembers_much() {
            self.forget_ended(now);
        }
        self.ports.connect(host, local, remote, id);
        self.settle(id, now);
        Ok(())
    }

    /// The next connection of a listener, with the address of its peer.
    pub(crate) fn accept(&mut self, id: SocketId) -> io::Result<(SocketId, SocketAddr)> {
        let Kind::Listener(listener) = &mut self.owned(id)?.kind else {
            return Err(os(libc::EINVAL));
        };
        let next = listener.queue.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let socket = self.get_mut(next).ok_or_else(|| os(libc::ECONNABORTED))?;
        socket.open = true;
        let (host, v6) = (socket.host, socket.v6);
        let peer = socket.remote.ok_or_else(bad_descriptor)?;
        self.hosts[usize::from(host)].open += 1;
        Ok((next, peer.shown(v6)))
    }

    /// Reads from a connection.
    pub(crate) fn recv(
        &mut self,
        id: SocketId,
        buf: &mut ReadBuf<'_>,
        peek: bool,
        now: u64,
    ) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.out);
        let result = match self.owned(id).map(|socket| &mut socket.kind) {
            Ok(Kind::Connection(connection)) => connection.read(buf, peek, now, &mut out),
            Ok(_) => Err(os(libc::ENOTCONN)),
            Err(error) => Err(error),
        };
        let sends = !out.is_empty();
        self.out = out;
        if sends {
            self.settle(id, now);
        }
        result.map_err(linux)
    }

    /// Writes to a connection.
    pub(crate) fn send(
        &mut self,
        id: SocketId,
        bufs: &[IoSlice<'_>],
        now: u64,
    ) -> io::Result<usize> {
        let mut out = std::mem::take(&mut self.out);
        let result = match self.owned(id).map(|socket| &mut socket.kind) {
            Ok(Kind::Connection(connection)) => connection.write(bufs, now, &mut out),
            Ok(_) => Err(os(libc::EPIPE)),
            Err(error) => Err(error),
        };
        self.out = out;
        if result.is_ok() {
            if let Some(socket) = self.get_mut(id) {
                socket.wrote_at = now;
            }
            self.settle(id, now);
        }
        result.map_err(linux)
    }

    /// Ends one or both directions of a connection.
    pub(crate) fn shutdown(&mut self, id: SocketId, how: Shutdown, now: u64) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.out);
        let result = match self.owned(id).map(|socket| &mut socket.kind) {
            Ok(Kind::Connection(connection)) => {
                let read = match how {
                    Shutdown::Read | Shutdown::Both => connection.shut_read(),
                    Shutdown::Write => Ok(()),
                };
                read.and_then(|()| match how {
                    Shutdown::Write | Shutdown::Both => connection.shut_write(now, &mut out),
                    Shutdown::Read => Ok(()),
                })
            }
            Ok(_) => Err(os(libc::ENOTCONN)),
            Err(error) => Err(error),
        };
        self.out = out;
        self.settle(id, now);
        result.map_err(linux)
    }

    /// The process closes a socket.
    pub(crate) fn close(&mut self, id: SocketId, now: u64) {
        let Ok(socket) = self.owned(id) else { return };
        socket.watcher = None;
        match &mut socket.kind {
            Kind::Connection(_) => {
                let host = socket.host;
                socket.open = false;
                self.hosts[usize::from(host)].open -= 1;
                self.close_connection(id, now);
            }
            Kind::Listener(listener) => {
                let waiting = std::mem::take(&mut listener.queue);
                self.remove(id);
                self.forget_requests(id);
                for child in waiting {
                    self.abort(child, now);
                }
            }
            _ => self.remove(id),
        }
    }

    fn close_connection(&mut self, id: SocketId, now: u64) {
        let mut out = std::mem::take(&mut self.out);
        let mut over = false;
        if let Some(Kind::Connection(connection)) = self.get_mut(id).map(|socket| &mut socket.kind)
        {
            over = connection.state == State::Closed;
            connection.close(now, &mut out);
        }
        self.out = out;
        if over {
            return self.remove(id);
        }
        self.settle(id, now);
    }

    /// Resets a connection that nobody has accepted, or whose end is not to be known.
    pub(super) fn abort(&mut self, id: SocketId, now: u64) {
        let mut out = std::mem::take(&mut self.out);
        if let Some(Kind::Connection(connection)) = self.get_mut(id).map(|socket| &mut socket.kind)
        {
            connection.abort(now, &mut out);
        }
        self.out = out;
        self.transmit(id, now);
        self.remove(id);
    }

    /// The requests in the SYN queue of a listener that is no more are forgotten.
    fn forget_requests(&mut self, id: SocketId) {
        for slot in 0..self.sockets.len() {
            let of = self.sockets[slot].socket.as_deref().map(|socket| &socket.kind);
            if matches!(of, Some(Kind::Request { listener, .. }) if *listener == id) {
                self.remove(self.id(slot));
            }
        }
    }

    /// Sends a datagram: to `address`, or to the peer of a connected socket.
    pub(crate) fn send_to(
        &mut self,
        id: SocketId,
        bytes: &[u8],
        address: Option<SocketAddr>,
        now: u64,
    ) -> io::Result<usize> {
        let socket = self.owned(id)?;
        let (host, v6) = (socket.host, socket.v6);
        let connected = socket.remote;
        let local = socket.local;
        let Kind::Udp(datagrams) = &mut socket.kind else { return Err(os(libc::EOPNOTSUPP)) };
        if let Some(error) = datagrams.take_error() {
            return Err(linux(error.into()));
        }
        let mut remote = match address {
            Some(address) => Endpoint::from(address),
            None => connected.ok_or_else(|| os(libc::EDESTADDRREQ))?,
        };
        if remote.ip.is_v6() && !v6 {
            return Err(os(libc::EAFNOSUPPORT));
        }
        if !remote.ip.is_v6() && local.is_some_and(|local| local.ip.is_v6() && !local.ip.is_any()) {
            return Err(os(libc::ENETUNREACH));
        }
        if bytes.len() > DATAGRAM_MAX {
            return Err(os(libc::EMSGSIZE));
        }
        if remote.port == 0 {
            return Err(os(libc::EINVAL));
        }
        if remote.ip.is_any() {
            remote.ip = if remote.ip.is_v6() { Ip::LOOPBACK_6 } else { Ip::LOOPBACK };
        }
        let port = match local {
            Some(local) => local.port,
            None => {
                let any = self.owned(id)?.any();
                self.bind(id, Endpoint::new(any, 0).shown(any.is_v6()))?;
                self.owned(id)?.local.map_or(0, |local| local.port)
            }
        };
        let from = match local.filter(|local| !local.ip.is_any()) {
            Some(local) => local.ip,
            None => source(host, remote.ip),
        };
        let ends = (Endpoint::new(from, port), remote);
        let body = Body::Udp(Bytes::copy_from_slice(bytes));
        let packet = Packet::new(ends, id, SocketId::NONE, body);
        self.fabric.send(host, packet, now);
        Ok(bytes.len())
    }

    /// Receives a datagram. What does not fit is cut off.
    pub(crate) fn recv_from(
        &mut self,
        id: SocketId,
        buf: &mut ReadBuf<'_>,
        peek: bool,
    ) -> io::Result<SocketAddr> {
        let socket = self.owned(id)?;
        let v6 = socket.v6;
        let Kind::Udp(datagrams) = &mut socket.kind else { return Err(os(libc::EOPNOTSUPP)) };
        let (from, bytes) = datagrams.next(peek).map_err(linux)?;
        let part = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..part]);
        Ok(from.shown(v6))
    }

    /// The address of a socket's own end.
    pub(crate) fn local_addr(&mut self, id: SocketId) -> io::Result<SocketAddr> {
        let socket = self.owned(id)?;
        let local = socket.local.unwrap_or(Endpoint::new(socket.any(), 0));
        Ok(local.shown(socket.v6))
    }

    /// The address of the other end.
    pub(crate) fn peer_addr(&mut self, id: SocketId) -> io::Result<SocketAddr> {
        let socket = self.owned(id)?;
        let connected = match &socket.kind {
            Kind::Connection(connection) => {
                connection.state.is_synchronized() || connection.state == State::SynReceived
            }
            Kind::Udp(_) => true,
            _ => false,
        };
        let remote = socket.remote.filter(|_| connected).ok_or_else(|| os(libc::ENOTCONN))?;
        Ok(remote.shown(socket.v6))
    }

    /// What has gone wrong with a socket, once.
    pub(crate) fn take_error(&mut self, id: SocketId) -> io::Result<Option<io::Error>> {
        let error = match &mut self.owned(id)?.kind {
            Kind::Connection(connection) => connection.take_error(),
            Kind::Udp(datagrams) => datagrams.take_error(),
            _ => None,
        };
        Ok(error.map(|kind| linux(kind.into())))
    }

    /// What a socket is ready for. Its watcher is told when there is room for what somebody wants to
    /// write, if there is none.
    pub(crate) fn readiness(&mut self, id: SocketId, wants_room: bool) -> Readiness {
        let gone = Readiness { hung_up: true, ..Readiness::default() };
        let Ok(socket) = self.owned(id) else { return gone };
        let (readable, writable) = (socket.is_readable(), socket.is_writable());
        let mut found = Readiness { readable, writable, ..Readiness::default() };
        match &mut socket.kind {
            Kind::Connection(connection) => {
                found.read_closed = connection.is_read_closed();
                found.hung_up = found.read_closed && connection.is_write_closed();
                found.failed = connection.has_error();
                if wants_room && !writable {
                    connection.want_room();
                }
            }
            Kind::Udp(datagrams) => found.failed = datagrams.has_error(),
            Kind::Fresh => {
                (found.readable, found.hung_up) = (false, true);
            }
            _ => {}
        }
        found
    }

    /// From now on a watcher is told when the socket may have become readable or writable.
    pub(crate) fn watch(&mut self, id: SocketId, watcher: u32) {
        if let Ok(socket) = self.owned(id) {
            socket.watcher = Some(watcher);
        }
    }

    pub(crate) fn is_stream(&self, id: SocketId) -> bool {
        self.get(id).is_some_and(|socket| !matches!(socket.kind, Kind::Udp(_)))
    }

    pub(crate) fn is_listening(&self, id: SocketId) -> bool {
        self.get(id).is_some_and(|socket| matches!(socket.kind, Kind::Listener(_)))
    }

    /// Bytes that could be read at once: of a datagram socket, those of the next datagram.
    pub(crate) fn pending(&mut self, id: SocketId) -> io::Result<usize> {
        match &self.owned(id)?.kind {
            Kind::Connection(connection) => Ok(connection.readable_bytes()),
            Kind::Udp(datagrams) => Ok(datagrams.next_length()),
            _ => Err(os(libc::EINVAL)),
        }
    }

    /// A datagram socket has no peer any more.
    pub(crate) fn disconnect(&mut self, id: SocketId) -> io::Result<()> {
        let socket = self.owned(id)?;
        socket.remote = None;
        Ok(())
    }

    /// Sets an option of a socket.
    pub(crate) fn set_option(
        &mut self,
        id: SocketId,
        option: SocketOption,
        now: u64,
    ) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.out);
        let socket = self.owned(id)?;
        let options = &mut socket.options;
        // Linux doubles what is asked for, for what it keeps about the content.
        let doubled = |bytes: u32, least: u64| (u64::from(bytes) * 2).clamp(least, SIZE_MAX);
        let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        match option {
            SocketOption::ReuseAddress(on) => socket.reuse_address = on,
            SocketOption::ReusePort(on) => socket.reuse_port = on,
            SocketOption::Nodelay(on) => options.nodelay = on,
            SocketOption::Keepalive(on) => options.keepalive = on,
            SocketOption::KeepaliveTime(time) => options.keepalive_time = Some(nanos(time)),
            SocketOption::KeepaliveInterval(time) => options.keepalive_intvl = Some(nanos(time)),
            SocketOption::KeepaliveProbes(count) => options.keepalive_probes = Some(count),
            SocketOption::UserTimeout(time) => {
                options.user_timeout = Some(nanos(time)).filter(|time| *time > 0);
            }
            SocketOption::Linger(time) => options.linger = time,
            SocketOption::SendBuffer(bytes) => options.send_buffer = Some(doubled(bytes, SEND_MIN)),
            SocketOption::ReceiveBuffer(bytes) => {
                let bytes = doubled(bytes, RECEIVE_MIN);
                options.receive_buffer = Some(bytes);
                if let Kind::Udp(datagrams) = &mut socket.kind {
                    datagrams.set_buffer(usize::try_from(bytes).unwrap_or(usize::MAX));
                }
            }
            SocketOption::Ttl(hops) if (1..=255).contains(&hops) => options.ttl = Some(hops),
            SocketOption::Ttl(_) => return Err(os(libc::EINVAL)),
            SocketOption::Tos(tos) => options.tos = tos,
            SocketOption::V6Only(only) => socket.v6_only = only,
        }
        let options = socket.options.clone();
        if let Kind::Connection(connection) = &mut socket.kind {
            connection.set_options(options, now, &mut out);
        }
        self.out = out;
        self.settle(id, now);
        Ok(())
    }

    /// Reads an option of a socket.
    pub(crate) fn option(
        &mut self,
        id: SocketId,
        name: SocketOptionName,
    ) -> io::Result<SocketOption> {
        let (rmem, wmem) = (self.config.rmem[1], self.config.wmem[1]);
        let defaults = Rc::clone(&self.config);
        let socket = self.owned(id)?;
        let options = &socket.options;
        let time = std::time::Duration::from_nanos;
        let (sent, received) = match &socket.kind {
            Kind::Connection(connection) => connection.buffers(),
            Kind::Udp(datagrams) => (212_992, datagrams.buffer() as u64),
            _ => (options.send_buffer.unwrap_or(wmem), options.receive_buffer.unwrap_or(rmem)),
        };
        let narrow = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        Ok(match name {
            SocketOptionName::ReuseAddress => SocketOption::ReuseAddress(socket.reuse_address),
            SocketOptionName::ReusePort => SocketOption::ReusePort(socket.reuse_port),
            SocketOptionName::Nodelay => SocketOption::Nodelay(options.nodelay),
            SocketOptionName::Keepalive => SocketOption::Keepalive(options.keepalive),
            SocketOptionName::KeepaliveTime => SocketOption::KeepaliveTime(time(
                options.keepalive_time.unwrap_or(defaults.keepalive_time),
            )),
            SocketOptionName::KeepaliveInterval => SocketOption::KeepaliveInterval(time(
                options.keepalive_intvl.unwrap_or(defaults.keepalive_intvl),
            )),
            SocketOptionName::KeepaliveProbes => SocketOption::KeepaliveProbes(
                options.keepalive_probes.unwrap_or(defaults.keepalive_probes),
            ),
            SocketOptionName::UserTimeout => {
                SocketOption::UserTimeout(time(options.user_timeout.unwrap_or(0)))
            }
            SocketOptionName::Linger => SocketOption::Linger(options.linger),
            SocketOptionName::SendBuffer => SocketOption::SendBuffer(narrow(sent)),
            SocketOptionName::ReceiveBuffer => SocketOption::ReceiveBuffer(narrow(received)),
            SocketOptionName::Ttl => SocketOption::Ttl(options.ttl.unwrap_or(TTL)),
            SocketOptionName::Tos => SocketOption::Tos(options.tos),
            SocketOptionName::V6Only => SocketOption::V6Only(socket.v6_only),
        })
    }
}

/// The address that a host sends from to `remote`.
fn source(host: u16, remote: Ip) -> Ip {
    match (remote.is_loopback(), remote.is_v6()) {
        (true, true) => Ip::LOOPBACK_6,
        (true, false) => Ip::LOOPBACK,
        (false, true) => Ip::of_6(host),
        (false, false) => Ip::of(host),
    }
}

fn os(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

/// The error as Linux reports it, with its number and its words.
fn linux(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset => os(libc::ECONNRESET),
        io::ErrorKind::ConnectionRefused => os(libc::ECONNREFUSED),
        io::ErrorKind::BrokenPipe => os(libc::EPIPE),
        io::ErrorKind::TimedOut => os(libc::ETIMEDOUT),
        io::ErrorKind::NotConnected => os(libc::ENOTCONN),
        _ => error,
    }
}
