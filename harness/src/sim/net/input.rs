//! What the kernel of a host does with a packet that arrives.

use super::{
    Network,
    address::Ip,
    packet::{Body, Flow, Packet},
    ports::hash,
    socket::{Kind, Socket, SocketId},
    tcp::{Answered, Connection, Request, RestAnswer, Segment, State},
};

/// So many requests may wait in the SYN queue of a listener: with SYN cookies Linux has no bound
/// below its memory.
const REQUESTS_MAX: usize = 65_536;

impl Network {
    /// A packet arrives.
    pub(super) fn input(&mut self, mut packet: Packet, now: u64) {
        let host = packet.host;
        if !self.hosts[usize::from(host)].powered {
            return;
        }
        match std::mem::replace(&mut packet.body, Body::Unreachable) {
            Body::Tcp(segment) => self.input_tcp(host, &packet, &segment, now),
            Body::Udp(bytes) => self.input_udp(host, &packet, bytes, now),
            Body::Unreachable => self.input_unreachable(host, &packet),
        }
    }

    fn input_tcp(&mut self, host: u16, packet: &Packet, segment: &Segment, now: u64) {
        let (local, remote) = (packet.dst, packet.src);
        let known = self.get(packet.to).is_some_and(|socket| {
            let lives = socket.connection().is_none_or(|it| it.state != State::Closed);
            let is_its = socket.local == Some(local) && socket.remote == Some(remote);
            socket.host == host && is_its && lives
        });
        let id = if known { Some(packet.to) } else { self.ports.connection(host, local, remote) };
        match id {
            Some(id) => self.input_connection(id, packet, segment, now),
            None => self.input_listener(host, packet, segment, now),
        }
    }

    fn input_connection(&mut self, id: SocketId, packet: &Packet, segment: &Segment, now: u64) {
        let mut out = std::mem::take(&mut self.out);
        let Some(socket) = self.get_mut(id) else { return };
        let (host, from) = (socket.host, packet.from);
        match &mut socket.kind {
            Kind::Connection(connection) => {
                connection.receive(segment, now, &mut out);
                let open = socket.open;
                socket.peer = from;
                self.out = out;
                if open && !segment.is_pure_ack() {
                    self.hit.push(host);
                }
                self.settle(id, now);
            }
            Kind::Request { .. } => {
                self.out = out;
                self.input_request(id, packet, segment, now);
            }
            Kind::Rest(rest) => {
                let answer = rest.receive(segment, now);
                let until = rest.until;
                let mut over = false;
                match answer {
                    RestAnswer::Nothing => {}
                    RestAnswer::Reply(reply) => out.push(reply),
                    RestAnswer::Over(reply) => {
                        over = true;
                        out.extend(reply);
                    }
                    RestAnswer::Replace => {
                        self.out = out;
                        self.remove(id);
                        return self.input_listener(host, packet, segment, now);
                    }
                }
                self.out = out;
                self.transmit(id, now);
                if over {
                    self.remove(id);
                } else {
                    self.set_timer(id, Some(until));
                }
            }
            _ => self.out = out,
        }
    }

    /// A segment for no connection: an attempt, or a mistake.
    fn input_listener(&mut self, host: u16, packet: &Packet, segment: &Segment, now: u64) {
        let attempt = segment.flags.syn && !segment.flags.ack && !segment.flags.rst;
        let listener = if attempt { self.listener(host, packet.flow()) } else { None };
        let refused = packet.refused_by.filter(|_| listener.is_some());
        if let Some(fault) = refused {
            self.fabric.affect(fault);
        }
        let Some(id) = listener.filter(|_| refused.is_none()) else {
            if !segment.flags.rst {
                self.answer(host, packet, segment.refusal(), now);
            }
            return;
        };
        let Some(socket) = self.get_mut(id) else { return };
        let v6 = socket.v6;
        let options = socket.options.clone();
        let Kind::Listener(listener) = &mut socket.kind else { return };
        // A full queue drops attempts without a word: they come again.
        if listener.queue.len() > listener.backlog || listener.requests >= REQUESTS_MAX {
            return;
        }
        listener.requests += 1;
        let iss = self.draw_sequence();
        let mss = Self::mss(packet.dst.ip);
        let window = self.first_window(options.receive_buffer, mss);
        let request = Request::new(&self.config, segment, iss, mss, window, now);
        let (answer, timer) = (request.answer(now), request.timer);
        let kind = Kind::Request { listener: id, request: Box::new(request) };
        let mut socket = Socket::new(host, 0, v6, kind);
        (socket.open, socket.options) = (false, options);
        (socket.local, socket.remote) = (Some(packet.dst), Some(packet.src));
        socket.peer = packet.from;
        let id = self.add(socket);
        self.ports.connect(host, packet.dst, packet.src, id);
        self.set_timer(id, Some(timer));
        self.out.push(answer);
        self.transmit(id, now);
    }

    fn first_window(&self, buffer: Option<u64>, mss: u32) -> u64 {
        let window = (buffer.unwrap_or(self.config.rmem[1]) / 2).min(65_535);
        let mss = u64::from(mss);
        if window > mss { window / mss * mss } else { window }
    }

    fn input_request(&mut self, id: SocketId, packet: &Packet, segment: &Segment, now: u64) {
        let Some(socket) = self.get_mut(id) else { return };
        socket.peer = packet.from;
        let Kind::Request { listener, request } = &mut socket.kind else { return };
        let listener = *listener;
        match request.receive(segment, now) {
            Answered::Nothing => {}
            Answered::Again => {
                let answer = request.answer(now);
                self.out.push(answer);
                self.transmit(id, now);
            }
            Answered::Reset => self.remove(id),
            Answered::Refuse => {
                let host = socket.host;
                self.answer(host, packet, segment.refusal(), now);
            }
            Answered::Established(rtt) => self.establish(id, listener, packet, segment, rtt, now),
        }
    }

    /// The handshake of a request is over: the connection waits to be accepted.
    fn establish(
        &mut self,
        id: SocketId,
        listener: SocketId,
        packet: &Packet,
        segment: &Segment,
        rtt: Option<u64>,
        now: u64,
    ) {
        let full = match self.get(listener).map(|socket| &socket.kind) {
            Some(Kind::Listener(listener)) => listener.queue.len() > listener.backlog,
            _ => return self.remove(id),
        };
        if full {
            // The peer believes that it is connected; the request is repeated until there is room.
            return;
        }
        let draw = u32::try_from(self.draw_sequence() % 7).unwrap_or(0);
        let config = std::rc::Rc::clone(&self.config);
        let Some(socket) = self.get_mut(id) else { return };
        let Kind::Request { request, .. } = &socket.kind else { return };
        let mss = Self::mss(packet.dst.ip);
        let connection = Connection::accepted(
            &config,
            &socket.options,
            request,
            mss,
            rtt,
            draw,
            segment.window,
            now,
        );
        socket.kind = Kind::Connection(Box::new(connection));
        if let Some(Kind::Listener(queue)) = self.get_mut(listener).map(|socket| &mut socket.kind) {
            queue.requests -= 1;
            queue.queue.push_back(id);
        }
        if let Some(host) = self.get(listener).map(|socket| socket.host) {
            self.hit.push(host);
        }
        self.wake(listener, true, false);
        self.input_connection(id, packet, segment, now);
    }

    /// The listener that a connection attempt is for: one that was bound to the address itself
    /// comes before one for all addresses.
    fn listener(&self, host: u16, flow: Flow) -> Option<SocketId> {
        let local = flow.dst;
        let bound = self.ports.bound(host, false, local.port);
        let listening = bound.iter().copied().filter_map(|id| {
            let socket = self.get(id)?;
            let takes = matches!(socket.kind, Kind::Listener(_)) && socket.covers(local);
            takes.then(|| (rank(socket, local.ip), id))
        });
        one_of_the_best(listening.collect(), flow)
    }

    /// Sends a segment that belongs to no socket.
    fn answer(&mut self, host: u16, packet: &Packet, segment: Segment, now: u64) {
        self.fabric.send(host, packet.answer(Body::Tcp(segment)), now);
    }

    fn input_udp(&mut self, host: u16, packet: &Packet, bytes: bytes::Bytes, now: u64) {
        let bound = self.ports.bound(host, true, packet.dst.port);
        let taking = bound.iter().copied().filter_map(|id| {
            let socket = self.get(id)?;
            let takes =
                socket.covers(packet.dst) && socket.remote.is_none_or(|peer| peer == packet.src);
            takes.then(|| ((socket.remote.is_some(), rank(socket, packet.dst.ip)), id))
        });
        let Some(id) = one_of_the_best(taking.collect(), packet.flow()) else {
            return self.fabric.send(host, packet.answer(Body::Unreachable), now);
        };
        if let Some(Kind::Udp(datagrams)) = self.get_mut(id).map(|socket| &mut socket.kind)
            && datagrams.push(packet.src, bytes)
        {
            self.hit.push(host);
            self.wake(id, true, false);
        }
    }

    /// Nobody took a datagram: a connected socket learns of it.
    fn input_unreachable(&mut self, host: u16, packet: &Packet) {
        let id = packet.to;
        let Some(socket) = self.get_mut(id).filter(|socket| socket.host == host) else { return };
        if socket.remote == Some(packet.src)
            && let Kind::Udp(datagrams) = &mut socket.kind
        {
            datagrams.fail(std::io::ErrorKind::ConnectionRefused);
            self.wake(id, true, true);
        }
    }

    /// The socket at one end of a flow, if there is a connection: an attempt that nobody has
    /// answered is none.
    pub(super) fn end_of(&mut self, flow: Flow) -> Option<SocketId> {
        let host = flow.src.ip.host()?;
        let id = self.ports.connection(host, flow.src, flow.dst)?;
        let socket = self.get(id)?;
        let lives = socket
            .connection()
            .is_some_and(|connection| !matches!(connection.state, State::SynSent | State::Closed));
        (lives || matches!(socket.kind, Kind::Request { .. })).then_some(id)
    }
}

/// Of sockets that fit equally well (`SO_REUSEPORT`) the addresses of a flow choose one, always the
/// same while there are as many.
fn one_of_the_best<R: Ord>(fitting: Vec<(R, SocketId)>, flow: Flow) -> Option<SocketId> {
    if let [(_, only)] = fitting[..] {
        return Some(only);
    }
    let best = fitting.iter().map(|(rank, _)| rank).max()?;
    let equal: Vec<SocketId> =
        fitting.iter().filter(|(rank, _)| rank == best).map(|(_, id)| *id).collect();
    let chosen = hash(flow) % equal.len() as u64;
    equal.get(usize::try_from(chosen).unwrap_or(0)).copied()
}

/// How well a socket fits an address.
fn rank(socket: &Socket, ip: Ip) -> u8 {
    match socket.local.map(|local| local.ip) {
        Some(own) if own == ip => 2,
        Some(Ip::ANY) => 1,
        _ => 0,
    }
}
