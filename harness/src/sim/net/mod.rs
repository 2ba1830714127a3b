//! The network of a run: the kernels' sockets at its ends, and the links and faults between them.
//!
//! Sockets are state of the kernels, not of the processes: closing them, the death of a process and
//! its pauses follow from that. Everything is driven by events. A call of a process, a packet and
//! a timer each touch one socket; nothing visits sockets that have nothing to do.

mod address;
mod calls;
mod deadlines;
mod fabric;
mod faults;
mod input;
mod link;
mod packet;
mod passage;
mod ports;
mod proxy;
mod severed;
mod socket;
mod tcp;
mod udp;

pub(crate) use address::Ip;
pub(crate) use socket::SocketId;

use std::{cmp::Reverse, collections::BinaryHeap, rc::Rc};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use self::{
    fabric::Fabric,
    packet::{Body, Flow, Packet},
    ports::Ports,
    severed::Severed,
    socket::{Kind, Socket, bad_descriptor},
    tcp::{Changes, Config, Segment},
};
use super::acting::Acting;
use crate::{
    plan::{NetworkFault, Plan, Target},
    run::rng,
};

/// The largest segment between hosts: an Ethernet frame without the headers.
const MSS: u32 = 1448;
/// The same within a host, where a packet holds 65,536 bytes.
const MSS_LOOPBACK: u32 = 65_483;

/// Timers that nobody waits for any more are forgotten when there are more than this, and again each
/// time there are twice as many.
const TIMERS: usize = 4096;

/// The sockets of all hosts, and what is under way between them.
pub(crate) struct Network {
    config: Rc<Config>,
    somaxconn: u32,
    sockets: Vec<Slot>,
    free: Vec<u32>,
    made: u64,
    ports: Ports,
    hosts: Vec<HostState>,
    fabric: Fabric,
    timers: BinaryHeap<Reverse<(u64, u64, SocketId)>>,
    timers_set: u64,
    timers_max: usize,
    /// The watchers of sockets that may have become readable or writable.
    woken: Vec<u32>,
    /// The hosts to whose processes something has come since this was last asked for.
    hit: Vec<u16>,
    out: Vec<Segment>,
    rng: ChaCha8Rng,
    now: u64,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    socket: Option<Box<Socket>>,
}

#[derive(Clone, Copy, Debug)]
struct HostState {
    powered: bool,
    /// Sockets that its process has.
    open: u64,
    /// Connections that it has tried to open.
    opened: u64,
}

impl Network {
    pub(crate) fn new(plan: &Plan, seed: u64, effects: Rc<[Acting]>) -> Self {
        let topology = &plan.topology;
        Self {
            config: Rc::new(Config::new(&topology.tcp)),
            somaxconn: topology.tcp.somaxconn,
            sockets: Vec::new(),
            free: Vec::new(),
            made: 0,
            ports: Ports::default(),
            hosts: vec![HostState { powered: true, open: 0, opened: 0 }; topology.hosts.len()],
            fabric: Fabric::new(topology, seed, effects),
            timers: BinaryHeap::new(),
            timers_set: 0,
            timers_max: TIMERS,
            woken: Vec::new(),
            hit: Vec::new(),
            out: Vec::new(),
            rng: rng::stream(seed, "initial sequence numbers"),
            now: 0,
        }
    }

    /// When the network next has something to do.
    pub(crate) fn next(&self) -> Option<u64> {
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        [timer, self.fabric.next()].into_iter().flatten().min()
    }

    /// Does what is due by `now`.
    pub(crate) fn advance(&mut self, now: u64) {
        self.now = now;
        loop {
            self.fabric.release(now);
            let severed = self.fabric.take_severed();
            for (flow, how, fault) in severed {
                self.sever(flow, how, fault, now);
            }
            let mut worked = false;
            while let Some(packet) = self.fabric.arrived(now) {
                worked = true;
                self.input(packet, now);
            }
            while let Some(Reverse((at, _, id))) = self.timers.peek().copied()
                && at <= now
            {
                self.timers.pop();
                worked = true;
                self.timer(id, at, now);
            }
            if !worked {
                return;
            }
        }
    }

    /// The watchers of sockets to which something has happened.
    pub(crate) fn take_woken(&mut self, into: &mut Vec<u32>) {
        into.append(&mut self.woken);
    }

    pub(crate) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// The hosts that packets with something for their process have come to.
    pub(crate) fn take_hit(&mut self, into: &mut Vec<u16>) {
        into.append(&mut self.hit);
    }

    /// Packets sent so far.
    pub(crate) fn packets(&self) -> u64 {
        self.fabric.packets()
    }

    /// Bytes of content in the network and in the sockets. Slow: for checks of a limit.
    pub(crate) fn bytes(&self) -> u64 {
        let queued = |socket: &Socket| match &socket.kind {
            Kind::Connection(connection) => connection.bytes(),
            Kind::Udp(datagrams) => datagrams.bytes(),
            _ => 0,
        };
        let sockets = self.sockets.iter().filter_map(|slot| slot.socket.as_deref());
        self.fabric.bytes() + sockets.map(queued).sum::<u64>()
    }

    /// The sockets that the process of `host` has.
    pub(crate) fn sockets_of(&self, host: u16) -> u64 {
        self.hosts[usize::from(host)].open
    }

    /// Connections that `host` has tried to open so far.
    pub(crate) fn connections_opened(&self, host: u16) -> u64 {
        self.hosts[usize::from(host)].opened
    }

    /// Is a socket of `host` bound to this port?
    pub(crate) fn is_port_taken(&self, host: u16, port: u16) -> bool {
        self.ports.is_used(host, port)
    }

    /// A fault of the network begins to act.
    pub(crate) fn inject(&mut self, number: u16, fault: &NetworkFault, target: &Target, now: u64) {
        self.now = now;
        let connections = self.connections();
        for flow in self.fabric.inject(number, fault, target, &connections, now) {
            self.sever(flow, Severed::Reset, number, now);
        }
    }

    /// It ends.
    pub(crate) fn heal(&mut self, number: u16, now: u64) {
        self.now = now;
        self.fabric.heal(number, now);
        for (flow, how, fault) in self.fabric.take_severed() {
            self.sever(flow, how, fault, now);
        }
    }

    /// Forgets what faults remember of connections that are no more.
    pub(crate) fn forget_ended(&mut self, now: u64) {
        let live = self.connections().into_iter().collect();
        self.fabric.forget_ended(&live, now);
    }

    /// All connections between hosts, each once.
    fn connections(&self) -> Vec<Flow> {
        let mut found = std::collections::BTreeSet::new();
        for socket in self.sockets.iter().filter_map(|slot| slot.socket.as_deref()) {
            let is_one = matches!(&socket.kind, Kind::Connection(c) if c.state != tcp::State::Closed)
                || matches!(socket.kind, Kind::Request { .. });
            if let (true, Some(src), Some(dst)) = (is_one, socket.local, socket.remote) {
                let flow = Flow { src, dst };
                if !src.ip.is_loopback() && !found.contains(&flow.reverse()) {
                    found.insert(flow);
                }
            }
        }
        found.into_iter().collect()
    }

    /// The power of `host` comes back, or goes: then its kernel forgets everything.
    pub(crate) fn set_power(&mut self, host: u16, on: bool) {
        self.hosts[usize::from(host)].powered = on;
        self.fabric.set_power(host, on);
        if on {
            return;
        }
        for slot in 0..self.sockets.len() {
            if self.sockets[slot].socket.as_ref().is_some_and(|socket| socket.host == host) {
                self.remove(self.id(slot));
            }
        }
        self.hosts[usize::from(host)].open = 0;
    }

    /// The process of `host` is killed at `now`, perhaps while it blocks its thread: what it was to
    /// send later than that does not leave. A connection that it was to write to then is reset.
    pub(crate) fn take_back(&mut self, host: u16, now: u64) {
        self.now = now;
        self.fabric.take_back(host, now);
        for slot in 0..self.sockets.len() {
            let ahead = self.sockets[slot].socket.as_deref().is_some_and(|socket| {
                socket.host == host && socket.wrote_at > now && socket.connection().is_some()
            });
            if ahead {
                self.abort(self.id(slot), now);
            }
        }
    }

    /// The process of `host` has ended, however it did: its kernel closes its sockets, in the order
    /// in which they were made.
    pub(crate) fn close_all(&mut self, host: u16, now: u64) {
        self.now = now;
        let mut open: Vec<(u64, SocketId)> = (0..self.sockets.len())
            .filter_map(|slot| {
                let socket = self.sockets[slot].socket.as_deref()?;
                (socket.host == host && socket.open).then(|| (socket.number, self.id(slot)))
            })
            .collect();
        open.sort_unstable();
        for (_, id) in open {
            self.close(id, now);
        }
    }

    fn id(&self, slot: usize) -> SocketId {
        let generation = self.sockets[slot].generation;
        SocketId { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation }
    }

    fn get(&self, id: SocketId) -> Option<&Socket> {
        let slot = self.sockets.get(id.slot as usize)?;
        slot.socket.as_deref().filter(|_| slot.generation == id.generation)
    }

    fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        let slot = self.sockets.get_mut(id.slot as usize)?;
        slot.socket.as_deref_mut().filter(|_| slot.generation == id.generation)
    }

    /// A socket that its process has.
    fn owned(&mut self, id: SocketId) -> std::io::Result<&mut Socket> {
        self.get_mut(id).filter(|socket| socket.open).ok_or_else(bad_descriptor)
    }

    fn add(&mut self, mut socket: Socket) -> SocketId {
        self.made += 1;
        socket.number = self.made;
        if socket.open {
            self.hosts[usize::from(socket.host)].open += 1;
        }
        let socket = Some(Box::new(socket));
        match self.free.pop() {
            Some(slot) => {
                self.sockets[slot as usize].socket = socket;
                self.id(slot as usize)
            }
            None => {
                self.sockets.push(Slot { generation: 1, socket });
                self.id(self.sockets.len() - 1)
            }
        }
    }

    /// The socket is no more.
    fn remove(&mut self, id: SocketId) {
        let slot = &mut self.sockets[id.slot as usize];
        let Some(socket) = slot.socket.take() else { return };
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        if socket.open {
            self.hosts[usize::from(socket.host)].open -= 1;
        }
        self.ports.forget(&socket, id);
        if let Kind::Request { listener, .. } = socket.kind
            && let Some(Kind::Listener(listener)) =
                self.get_mut(listener).map(|listener| &mut listener.kind)
        {
            listener.requests -= 1;
        }
    }

    /// Sends the segments that a socket has made.
    fn transmit(&mut self, id: SocketId, now: u64) {
        if self.out.is_empty() {
            return;
        }
        let mut out = std::mem::take(&mut self.out);
        if let Some(socket) = self.get(id)
            && let (Some(src), Some(dst)) = (socket.local, socket.remote)
        {
            let (host, to) = (socket.host, socket.peer);
            for segment in out.drain(..) {
                let packet = Packet::new((src, dst), id, to, Body::Tcp(segment));
                self.fabric.send(host, packet, now);
            }
        }
        out.clear();
        self.out = out;
    }

    /// After a step of a socket: sends what it has made, sets its timer, and tells whoever waits.
    fn settle(&mut self, id: SocketId, now: u64) {
        self.transmit(id, now);
        let Some(socket) = self.get_mut(id) else { return };
        let Kind::Connection(connection) = &mut socket.kind else { return };
        let Changes { readable, writable, over, rest } = connection.take_changes();
        let deadline = connection.deadline();
        self.set_timer(id, deadline);
        self.wake(id, readable, writable);
        if over {
            self.end(id, rest);
        }
    }

    fn wake(&mut self, id: SocketId, readable: bool, writable: bool) {
        let watcher = self.get(id).and_then(|socket| socket.watcher);
        self.woken.extend(watcher.filter(|_| readable || writable));
    }

    /// A connection is over: what is left of it takes its place for others.
    fn end(&mut self, id: SocketId, rest: Option<tcp::Rest>) {
        let Some(socket) = self.get_mut(id) else { return };
        let orphan = socket.connection().is_some_and(tcp::Connection::is_orphan);
        let (host, v6, local, remote) = (socket.host, socket.v6, socket.local, socket.remote);
        self.ports.disconnect(host, local, remote, id);
        if orphan {
            self.remove(id);
        }
        if let (Some(rest), Some(local), Some(remote)) = (rest, local, remote) {
            let mut socket = Socket::new(host, 0, v6, Kind::Rest(rest));
            (socket.open, socket.local, socket.remote) = (false, Some(local), Some(remote));
            socket.reuse_address = true;
            let id = self.add(socket);
            self.ports.connect(host, local, remote, id);
            self.set_timer(id, Some(rest.until));
        }
    }

    /// Makes sure that the timer of a socket runs out at `at` at the latest. One that runs out too
    /// early is set again then, so that what is put off again and again costs nothing.
    fn set_timer(&mut self, id: SocketId, at: Option<u64>) {
        let Some(at) = at else { return };
        let Some(socket) = self.get_mut(id) else { return };
        if socket.timer.is_some_and(|set| set <= at) {
            return;
        }
        // A later one is still there, and serves again when this one has run out.
        socket.later_timer = socket.later_timer.max(socket.timer);
        if socket.later_timer.is_some_and(|later| later <= at) {
            socket.timer = socket.later_timer.take();
            return;
        }
        socket.timer = Some(at);
        self.timers_set += 1;
        self.timers.push(Reverse((at, self.timers_set, id)));
        if self.timers.len() > self.timers_max {
            self.forget_timers();
        }
    }

    /// Forgets timers that nobody waits for any more.
    fn forget_timers(&mut self) {
        let mut timers = std::mem::take(&mut self.timers);
        timers.retain(|Reverse((at, _, id))| {
            self.get(*id)
                .is_some_and(|socket| socket.timer == Some(*at) || socket.later_timer == Some(*at))
        });
        self.timers_max = TIMERS.max(timers.len() * 2);
        self.timers = timers;
    }

    /// A timer has run out.
    fn timer(&mut self, id: SocketId, set_for: u64, now: u64) {
        let Some(socket) = self.get_mut(id) else { return };
        if socket.timer != Some(set_for) {
            if socket.later_timer == Some(set_for) {
                socket.later_timer = None;
            }
            return;
        }
        socket.timer = None;
        let deadline = match &socket.kind {
            Kind::Connection(connection) => connection.deadline(),
            Kind::Request { request, .. } => Some(request.timer),
            Kind::Rest(rest) => Some(rest.until),
            _ => None,
        };
        let Some(deadline) = deadline else { return };
        if deadline > now {
            return self.set_timer(id, Some(deadline));
        }
        let config = Rc::clone(&self.config);
        let mut out = std::mem::take(&mut self.out);
        let Some(socket) = self.get_mut(id) else { return };
        let mut gone = false;
        match &mut socket.kind {
            Kind::Connection(connection) => connection.on_timer(now, &mut out),
            Kind::Request { request, .. } => {
                if request.on_timer(&config, now) {
                    out.push(request.answer(now));
                } else {
                    gone = true;
                }
            }
            _ => gone = true,
        }
        let again = match &socket.kind {
            Kind::Request { request, .. } => Some(request.timer),
            _ => None,
        };
        self.out = out;
        if gone {
            return self.remove(id);
        }
        self.set_timer(id, again);
        self.settle(id, now);
    }

    fn draw_sequence(&mut self) -> u64 {
        u64::from(self.rng.random::<u32>()) + 1
    }

    fn mss(local: Ip) -> u32 {
        if local.is_loopback() { MSS_LOOPBACK } else { MSS }
    }
}
