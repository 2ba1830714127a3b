//! Connections as a whole: which there are, and what resets, refusals, the loss of patience and
//! the death of a process do to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use bytes::Bytes;
use turmoil_net::{Netstat, NetstatEntry, NetstatState, Packet, TcpFlags, TcpSegment, Transport};

use super::{Alive, FlowKey, Rule, Wire};
use crate::{
    plan::Fault,
    sim::{flow::segment, throttle::Throttle},
};

impl Wire {
    /// A fault of the network begins to act.
    pub(crate) fn inject(&mut self, number: u16, fault: &Fault, now: u64) {
        if let Some(throttle) = Throttle::new(number, fault, &self.shared.plan.topology) {
            self.throttles.push(throttle);
            return;
        }
        let mut rule = Rule::new(number, fault, now, &self.shared);
        if let Some(scope) = rule.meets_connections() {
            let connections: Vec<FlowKey> = self
                .connections()
                .into_iter()
                .filter(|key| scope.touches(key.src, key.dst))
                .collect();
            if rule.meet(&connections) {
                for key in connections {
                    self.reset(key, now);
                }
            }
        }
        self.rules.push(rule);
    }

    /// All connections, each once.
    pub(super) fn connections(&self) -> BTreeSet<FlowKey> {
        let mut found = BTreeSet::new();
        for host in 0..self.hosts.len() {
            let host = u16::try_from(host).expect("at most 10,000 hosts");
            for entry in self.netstat(host).entries {
                let key = entry.peer.and_then(|peer| self.key(entry.local, peer));
                if let Some(key) = key
                    && entry.state.is_some()
                    && !found.contains(&key.reverse())
                {
                    found.insert(key);
                }
            }
        }
        found
    }

    /// Has the sender still the connection that a retransmission is for?
    pub(super) fn sender_lives(&mut self, key: FlowKey, now: u64) -> bool {
        if !self.alive.as_ref().is_some_and(|alive| alive.now == now && alive.host == key.src) {
            let entries = self.netstat(key.src).entries;
            let peers = entries.iter().filter_map(|e| Some((e.local.port(), e.peer?)));
            self.alive = Some(Alive { now, host: key.src, connections: peers.collect() });
        }
        let connection = (key.src_port, self.destination(key));
        self.alive.as_ref().is_some_and(|alive| alive.connections.contains(&connection))
    }

    pub(super) fn source(&self, key: FlowKey) -> SocketAddr {
        SocketAddr::new(self.ip(key.src), key.src_port)
    }

    pub(super) fn destination(&self, key: FlowKey) -> SocketAddr {
        SocketAddr::new(self.ip(key.dst), key.dst_port)
    }

    /// The sender's stack gives the connection up; its peer is told nothing.
    pub(super) fn give_up(&mut self, key: FlowKey, now: u64) {
        let (local, peer) = (self.source(key), self.destination(key));
        let at = self.step_from(now);
        self.shared.seams[usize::from(key.src)].give_up(local, peer, at);
        self.schedule(at, bare(peer, local, RESET));
    }

    /// Resets a connection at both ends.
    pub(super) fn reset(&mut self, key: FlowKey, now: u64) {
        let at = self.step_from(now) + self.step;
        let (one, other) = (self.source(key), self.destination(key));
        self.forget(key);
        self.forget(key.reverse());
        self.schedule(at, bare(one, other, RESET));
        self.schedule(at, bare(other, one, RESET));
    }

    /// Answers a connection attempt, which arrives at `arrives`, with a reset.
    pub(super) fn refuse(&mut self, key: FlowKey, attempt: Packet, arrives: u64) {
        self.forget(key);
        self.attempts.insert(key, attempt);
        let reset = bare(self.destination(key), self.source(key), RESET);
        self.send(reset, arrives);
    }

    /// A reset from the sender of `key` was lost. If it was an answer, what it answered comes
    /// again: a connection attempt, or what the peer's connection has not seen acknowledged.
    pub(super) fn reset_lost(&mut self, key: FlowKey, attempt: Option<Packet>, now: u64) {
        match attempt {
            Some(attempt) => self.give_back(attempt, now),
            None => {
                let peers = self.netstat(key.dst);
                self.doubt(key.reverse(), &peers, now);
            }
        }
    }

    /// Lets the sender of `key`, one of the sockets in `own`, send again what it has not seen
    /// acknowledged, although it was delivered.
    fn doubt(&mut self, key: FlowKey, own: &Netstat, now: u64) {
        let (local, peer) = (self.source(key), self.destination(key));
        let Some(entry) = own.entries.iter().find(|e| e.local == local && e.peer == Some(peer))
        else {
            return;
        };
        let connecting = entry.state == Some(NetstatState::SynSent);
        if !connecting && !is_unacknowledged(entry) {
            return;
        }
        let timeouts = self.timeouts(connecting);
        let again = if connecting { bare(local, peer, ATTEMPT) } else { probe(local, peer) };
        self.with_flow(key, |flow| flow.doubt(again, now, timeouts));
    }

    /// Cleans up after the process of `host`, whose sockets were `before` and have just been
    /// dropped: nothing that they still had to say is said, and the peers get resets, unless
    /// the machine has no power to send any.
    pub(crate) fn process_died(&mut self, host: u16, before: &Netstat, silent: bool, now: u64) {
        let step = self.step_from(now);
        self.silence(host, step);
        self.drop_held(host);
        self.ran_until[usize::from(host)] = now;
        for key in self.flows.keys().copied().filter(|key| key.src == host).collect::<BTreeSet<_>>()
        {
            self.forget(key);
        }
        let mut peers: BTreeMap<u16, Netstat> = BTreeMap::new();
        for entry in &before.entries {
            let Some(peer) = entry.peer.filter(|_| is_connection(entry.state)) else { continue };
            // The sockets that linger to say goodbye are gone as well.
            self.net.deliver(bare(peer, entry.local, RESET));
            let Some(key) = self.key(entry.local, peer) else { continue };
            if silent {
                let own = peers.entry(key.dst).or_insert_with(|| self.netstat(key.dst));
                self.doubt(key.reverse(), own, now);
            } else {
                self.send(bare(entry.local, peer, RESET), step);
            }
        }
        // A stack clears its table when it is asked for packets.
        self.silence(host, step);
    }

    /// Sends what the process of `host` leaves behind: an orderly end closes what is open in an
    /// orderly way. Its sockets were dropped in no particular order, so it goes out by connection.
    pub(crate) fn process_exited(&mut self, host: u16, now: u64) {
        let step = self.step_from(now);
        let own = self.ip(host);
        let mut collected = std::mem::take(&mut self.collected);
        self.net.egress_all(&mut collected);
        let ports = |packet: &Packet| segment(packet).map(|s| (s.dst_port, s.src_port));
        collected.sort_by_key(|p| (p.src == own).then(|| (p.dst, ports(p))));
        for packet in collected.drain(..) {
            self.leave(packet, step);
        }
        self.collected = collected;
    }

    /// Forgets what the process of `host` has sent and what has not left.
    fn drop_held(&mut self, host: u16) {
        let own = self.ip(host);
        let bytes_due = &mut self.bytes_due;
        self.held.retain(|_, packets| {
            packets.retain(|packet| {
                let stays = packet.src != own;
                *bytes_due -= if stays { 0 } else { super::payload(packet) };
                stays
            });
            !packets.is_empty()
        });
    }

    /// Collects what the hosts have sent, except from `host`.
    fn silence(&mut self, host: u16, now: u64) {
        let own = self.ip(host);
        let mut collected = std::mem::take(&mut self.collected);
        self.net.egress_all(&mut collected);
        for packet in collected.drain(..).filter(|packet| packet.src != own) {
            self.leave(packet, now);
        }
        self.collected = collected;
    }

    /// Cuts off what still lingers of the connections of an earlier process of `host`, whose
    /// ports the next one takes over.
    pub(crate) fn take_over(&mut self, host: u16, now: u64) {
        self.ran_until[usize::from(host)] = now;
        let lingering = self.netstat(host);
        if !lingering.entries.is_empty() {
            self.process_died(host, &lingering, false, now);
        }
    }
}

fn is_connection(state: Option<NetstatState>) -> bool {
    state.is_some_and(|state| state != NetstatState::Listen)
}

fn is_unacknowledged(entry: &NetstatEntry) -> bool {
    entry.send_q > 0
        || matches!(
            entry.state,
            Some(NetstatState::FinWait1 | NetstatState::Closing | NetstatState::LastAck)
        )
}

const RESET: TcpFlags =
    TcpFlags { rst: true, syn: false, ack: false, fin: false, psh: false, urg: false };
const ATTEMPT: TcpFlags = TcpFlags { syn: true, rst: false, ..RESET };

/// A segment of flags.
fn bare(from: SocketAddr, to: SocketAddr, flags: TcpFlags) -> Packet {
    let (window, payload) = (u16::MAX, Bytes::new());
    let (src_port, dst_port) = (from.port(), to.port());
    let segment = TcpSegment { src_port, dst_port, seq: 0, ack: 0, flags, window, payload };
    Packet { src: from.ip(), dst: to.ip(), ttl: 64, payload: Transport::Tcp(segment) }
}

/// One byte, which a stack that has it already ignores and one without the connection answers
/// with a reset.
fn probe(from: SocketAddr, to: SocketAddr) -> Packet {
    let mut packet = bare(from, to, TcpFlags { ack: true, rst: false, ..RESET });
    if let Transport::Tcp(segment) = &mut packet.payload {
        segment.payload = Bytes::from_static(&[0]);
    }
    packet
}
