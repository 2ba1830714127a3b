//! The wire: carries packets between the hosts' stacks.
//!
//! The stacks, one for each host, are `turmoil-net`'s. After hosts have run, the wire collects
//! what they sent, at the next step of the network's time resolution; each packet meets the
//! faults that act and the link that it crosses, and is due at its destination some steps later.
//! A hop takes the latency of the link rounded down to steps, counted from the step at which
//! the packet was collected, which is rounded up: no hop is wrong by more than one step.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use turmoil_net::{
    EnterGuard, HostId, KernelConfig, Net, Netstat, NetstatState, Packet, TcpFlags, TcpSegment,
    Transport,
};

use super::{
    flow::{Flow, FlowKey, segment},
    link::{Carried, LinkState},
    rng,
    rules::{Fate, Rule, Slices},
    shared::Shared,
};
use crate::plan::{Fault, nanos};

/// Idle flows are forgotten when there are more than this, and again each time it doubles.
const FLOWS_KEPT: usize = 4096;

pub(crate) struct Wire {
    net: EnterGuard,
    shared: Rc<Shared>,
    hosts: Vec<(HostId, IpAddr)>,
    step: u64,
    links: Vec<Option<Box<LinkState>>>,
    /// Only ever looked up or filtered, never iterated in an order that shows.
    flows: HashMap<FlowKey, Flow>,
    flows_kept: usize,
    retries: BTreeSet<(u64, FlowKey)>,
    due: BTreeMap<u64, Vec<Packet>>,
    rules: Vec<Rule>,
    slicing: ChaCha8Rng,
    collected: Vec<Packet>,
    /// Connections of a host, as of one instant, for retransmissions.
    alive: Option<(u64, u16, BTreeSet<(u16, SocketAddr)>)>,
    packets: u64,
    bytes_due: u64,
}

impl Wire {
    pub(crate) fn new(shared: &Rc<Shared>) -> Self {
        let topology = &shared.plan.topology;
        // Retransmission is the flows' business.
        let config = KernelConfig::default()
            .default_backlog(topology.tcp.backlog)
            .retx_threshold(u32::MAX)
            .retx_max(u32::MAX);
        let mut net = Net::with_config(config);
        let hosts: Vec<(HostId, IpAddr)> = topology
            .hosts
            .iter()
            .map(|host| {
                let id = net.add_host(host.name.as_str());
                (id, net.lookup(&host.name))
            })
            .collect();
        Self {
            net: net.enter(),
            shared: Rc::clone(shared),
            links: (0..hosts.len() * hosts.len()).map(|_| None).collect(),
            hosts,
            step: nanos(topology.resolution),
            flows: HashMap::new(),
            flows_kept: FLOWS_KEPT,
            retries: BTreeSet::new(),
            due: BTreeMap::new(),
            rules: Vec::new(),
            slicing: rng::stream(shared.seed, "slicer"),
            collected: Vec::new(),
            alive: None,
            packets: 0,
            bytes_due: 0,
        }
    }

    /// Sockets that are used from now on are those of `host`.
    pub(crate) fn set_current(&self, host: u16) {
        self.net.set_current(self.hosts[usize::from(host)].0);
    }

    pub(crate) fn ip(&self, host: u16) -> IpAddr {
        self.hosts[usize::from(host)].1
    }

    /// The sockets of `host`.
    pub(crate) fn netstat(&self, host: u16) -> Netstat {
        turmoil_net::netstat(self.ip(host))
    }

    /// The first step that is not before `now`.
    pub(crate) fn step_from(&self, now: u64) -> u64 {
        now.next_multiple_of(self.step)
    }

    /// One step of the time resolution, in nanoseconds.
    pub(crate) fn step(&self) -> u64 {
        self.step
    }

    /// When the wire next has something to do.
    pub(crate) fn next(&self) -> Option<u64> {
        let due = self.due.keys().next().copied();
        let retry = self.retries.first().map(|(at, _)| *at);
        let resets = self.rules.iter().filter_map(Rule::next_reset).min();
        [due, retry, resets].into_iter().flatten().min()
    }

    /// Packets sent so far.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of payload under way or waiting for a retransmission. Slow: for checks of a limit.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes_due + self.flows.values().map(Flow::bytes).sum::<u64>()
    }

    /// A fault of the network begins to act.
    pub(crate) fn inject(&mut self, number: u16, fault: &Fault, now: u64) {
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

    /// A fault of the network ends.
    pub(crate) fn heal(&mut self, number: u16) {
        self.rules.retain(|rule| rule.fault != number);
    }

    /// All connections, each once.
    fn connections(&self) -> Vec<FlowKey> {
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
        found.into_iter().collect()
    }

    fn key(&self, from: SocketAddr, to: SocketAddr) -> Option<FlowKey> {
        Some(FlowKey {
            src: self.index(from.ip())?,
            src_port: from.port(),
            dst: self.index(to.ip())?,
            dst_port: to.port(),
        })
    }

    /// `turmoil-net` numbers hosts from 192.168.0.1 on, in the order in which they are added.
    fn index(&self, ip: IpAddr) -> Option<u16> {
        let IpAddr::V4(ip) = ip else { return None };
        let [_, _, high, low] = ip.octets();
        let index = u16::from_be_bytes([high, low]).checked_sub(1)?;
        let known = self.hosts.get(usize::from(index))?;
        (known.1 == IpAddr::V4(ip)).then_some(index)
    }

    /// Collects what the hosts have sent and sends it on its way. `now` is a step.
    pub(crate) fn collect(&mut self, now: u64) {
        let mut collected = std::mem::take(&mut self.collected);
        self.net.egress_all(&mut collected);
        for packet in collected.drain(..) {
            self.send(packet, now);
        }
        self.collected = collected;
    }

    fn send(&mut self, packet: Packet, now: u64) {
        self.packets += 1;
        let (Some(src), Some(dst)) = (self.index(packet.src), self.index(packet.dst)) else {
            return;
        };
        let Some(tcp) = segment(&packet) else {
            let mut fate = Fate::default();
            self.apply_rules((src, dst), &packet, None, now, &mut fate);
            if let Some(arrives) = self.arrival((src, dst), &packet, &mut fate, now) {
                if fate.twice {
                    self.schedule(arrives, packet.clone());
                }
                self.schedule(arrives, packet);
            }
            return;
        };
        let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
        let (reset, syn) = (tcp.flags.rst, tcp.flags.syn);
        if reset {
            // The sender has forgotten the connection, and with it what it had to send again.
            self.forget(key);
        }
        let mut fate = Fate::default();
        self.apply_rules((src, dst), &packet, Some(key), now, &mut fate);
        if fate.refused {
            return self.refuse(&packet, now);
        }
        if fate.reset {
            return self.reset(key, now);
        }
        if let Some(slices) = fate.slices {
            return self.send_sliced(key, packet, slices, fate.delay, now);
        }
        let arrives = self.arrival((src, dst), &packet, &mut fate, now);
        if reset {
            if let Some(arrives) = arrives {
                let last = self.flows.get(&key).map_or(0, Flow::last_arrival);
                self.schedule(arrives.max(last), packet);
            }
            return;
        }
        self.send_segment(key, packet, arrives, syn, now);
    }

    fn send_segment(
        &mut self,
        key: FlowKey,
        packet: Packet,
        arrives: Option<u64>,
        syn: bool,
        now: u64,
    ) {
        let timeout = self.retransmit_timeout(syn);
        let flow = self.flows.entry(key).or_default();
        let before = flow.retry_at;
        let delivered = flow.send(packet, now, arrives, timeout);
        let after = flow.retry_at;
        self.retime(key, before, after);
        if let Some((arrives, packet)) = delivered {
            self.schedule(arrives, packet);
        }
        if self.flows.len() > self.flows_kept {
            self.flows.retain(|_, flow| !flow.is_idle(now));
            self.flows_kept = FLOWS_KEPT.max(self.flows.len() * 2);
        }
    }

    fn send_sliced(&mut self, key: FlowKey, packet: Packet, slices: Slices, delay: u64, now: u64) {
        let Transport::Tcp(whole) = &packet.payload else { return };
        let mut sent = 0;
        let mut pause = 0;
        while sent < whole.payload.len() {
            let length = slices.next(whole.payload.len() - sent, &mut self.slicing);
            let mut piece = packet.clone();
            if let Transport::Tcp(piece) = &mut piece.payload {
                piece.seq = whole.seq.wrapping_add(u32::try_from(sent).unwrap_or(u32::MAX));
                piece.payload = whole.payload.slice(sent..sent + length);
            }
            let mut fate = Fate { delay: delay + pause, ..Fate::default() };
            let arrives = self.arrival((key.src, key.dst), &piece, &mut fate, now);
            self.send_segment(key, piece, arrives, false, now);
            sent += length;
            pause += slices.pause;
        }
    }

    fn retransmit_timeout(&self, syn: bool) -> u64 {
        let tcp = &self.shared.plan.topology.tcp;
        nanos(if syn { tcp.syn_rto } else { tcp.rto })
    }

    fn retime(&mut self, key: FlowKey, before: Option<u64>, after: Option<u64>) {
        if before != after {
            if let Some(at) = before {
                self.retries.remove(&(at, key));
            }
            if let Some(at) = after {
                self.retries.insert((at, key));
            }
        }
    }

    fn apply_rules(
        &mut self,
        hosts: (u16, u16),
        packet: &Packet,
        key: Option<FlowKey>,
        now: u64,
        fate: &mut Fate,
    ) {
        for rule in &mut self.rules {
            rule.apply(hosts, packet, key, now, fate);
        }
    }

    /// When a packet arrives, if it does.
    fn arrival(
        &mut self,
        hosts: (u16, u16),
        packet: &Packet,
        fate: &mut Fate,
        now: u64,
    ) -> Option<u64> {
        let carried = self.link(hosts).carry(now, packet.size());
        let Carried::After { delay, twice } = carried else { return None };
        if fate.lost {
            return None;
        }
        fate.twice |= twice;
        let delay = delay + fate.delay;
        Some(now + (delay - delay % self.step).max(self.step))
    }

    fn link(&mut self, (src, dst): (u16, u16)) -> &mut LinkState {
        let place = usize::from(src) * self.hosts.len() + usize::from(dst);
        let Self { shared, links, .. } = self;
        links[place].get_or_insert_with(|| {
            let topology = &shared.plan.topology;
            let (from, to) = (shared.host_name(src), shared.host_name(dst));
            let own = topology.links.iter().rfind(|spec| spec.from == from && spec.to == to);
            let link = own.map_or(topology.link, |spec| spec.link);
            let rng = rng::stream(shared.seed, &format!("link {from} {to}"));
            Box::new(LinkState::new(link, rng))
        })
    }

    fn schedule(&mut self, arrives: u64, packet: Packet) {
        self.bytes_due += payload(&packet);
        self.due.entry(arrives).or_default().push(packet);
    }

    /// Performs the retransmissions and resets that are due by `now`.
    pub(crate) fn perform(&mut self, now: u64) {
        let mut resets: Vec<FlowKey> = Vec::new();
        for rule in &mut self.rules {
            resets.extend(rule.resets_due(now));
        }
        for key in resets {
            self.reset(key, now);
        }
        while let Some(&(at, key)) = self.retries.first() {
            if at > now {
                break;
            }
            self.retries.pop_first();
            self.retransmit(key, now);
        }
    }

    fn retransmit(&mut self, key: FlowKey, now: u64) {
        let Some(mut flow) = self.flows.remove(&key) else { return };
        if flow.stuck_since().is_some() && !self.sender_lives(key, now) {
            return;
        }
        let tcp = self.shared.plan.topology.tcp;
        let patience =
            nanos(if flow.is_connecting() { tcp.connect_timeout } else { tcp.user_timeout });
        if flow.stuck_since().is_some_and(|since| now - since >= patience) {
            return self.give_up(key, now);
        }
        let hosts = (key.src, key.dst);
        let step = self.step_from(now);
        let timeout = self.retransmit_timeout(flow.is_connecting());
        let delivered = flow.retransmit(now, timeout, |packet| {
            self.packets += 1;
            let mut fate = Fate::default();
            self.apply_rules(hosts, packet, Some(key), step, &mut fate);
            self.arrival(hosts, packet, &mut fate, step)
        });
        self.retime(key, None, flow.retry_at);
        self.flows.insert(key, flow);
        for (arrives, packet) in delivered {
            self.schedule(arrives, packet);
        }
    }

    /// Has the sender still the connection that a retransmission is for?
    fn sender_lives(&mut self, key: FlowKey, now: u64) -> bool {
        if !matches!(&self.alive, Some((at, host, _)) if *at == now && *host == key.src) {
            let entries = self.netstat(key.src).entries;
            let sockets = entries.iter().filter_map(|e| Some((e.local.port(), e.peer?))).collect();
            self.alive = Some((now, key.src, sockets));
        }
        let peer = SocketAddr::new(self.ip(key.dst), key.dst_port);
        self.alive.as_ref().is_some_and(|(_, _, sockets)| sockets.contains(&(key.src_port, peer)))
    }

    /// The sender's stack gives the connection up; its peer is told nothing.
    fn give_up(&mut self, key: FlowKey, now: u64) {
        let local = SocketAddr::new(self.ip(key.src), key.src_port);
        let peer = SocketAddr::new(self.ip(key.dst), key.dst_port);
        let at = self.step_from(now);
        self.shared.seams[usize::from(key.src)].give_up(local, peer, at);
        self.forget(key.reverse());
        self.schedule(at, reset_packet(peer, local));
    }

    /// Resets a connection at both ends.
    fn reset(&mut self, key: FlowKey, now: u64) {
        let at = self.step_from(now) + self.step;
        let one = SocketAddr::new(self.ip(key.src), key.src_port);
        let other = SocketAddr::new(self.ip(key.dst), key.dst_port);
        self.forget(key);
        self.forget(key.reverse());
        self.schedule(at, reset_packet(one, other));
        self.schedule(at, reset_packet(other, one));
    }

    /// Answers a connection attempt with a reset.
    fn refuse(&mut self, packet: &Packet, now: u64) {
        if let Some(syn) = segment(packet) {
            let from = SocketAddr::new(packet.dst, syn.dst_port);
            let to = SocketAddr::new(packet.src, syn.src_port);
            self.schedule(now + self.step, reset_packet(from, to));
        }
    }

    fn forget(&mut self, key: FlowKey) {
        if let Some(flow) = self.flows.get_mut(&key) {
            let before = flow.retry_at;
            flow.forget();
            self.retime(key, before, None);
        }
    }

    /// Takes the packets that are due by `now`, in order of their arrival.
    pub(crate) fn take_due(&mut self, now: u64, into: &mut Vec<(u16, Packet)>) {
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() > now {
                break;
            }
            for packet in entry.remove() {
                self.bytes_due -= payload(&packet);
                if let Some(host) = self.index(packet.dst) {
                    into.push((host, packet));
                }
            }
        }
    }

    /// Hands a packet to the stack of its destination, which wakes tasks.
    pub(crate) fn deliver(&mut self, packet: Packet) {
        if let (Some(tcp), Some(src), Some(dst)) =
            (segment(&packet), self.index(packet.src), self.index(packet.dst))
            && tcp.flags.rst
        {
            // The receiver forgets the connection, and with it what it had to send again.
            let (src_port, dst_port) = (tcp.dst_port, tcp.src_port);
            self.forget(FlowKey { src: dst, src_port, dst: src, dst_port });
        }
        self.net.deliver(packet);
    }

    /// A packet has found its destination without power: it is lost.
    pub(crate) fn give_back(&mut self, packet: Packet, now: u64) {
        let Some(tcp) = segment(&packet) else { return };
        if tcp.flags.rst {
            return;
        }
        let syn = tcp.flags.syn;
        let (Some(src), Some(dst)) = (self.index(packet.src), self.index(packet.dst)) else {
            return;
        };
        let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
        let timeout = self.retransmit_timeout(syn);
        let flow = self.flows.entry(key).or_default();
        let before = flow.retry_at;
        flow.give_back(packet, now, timeout);
        let after = flow.retry_at;
        self.retime(key, before, after);
    }

    /// Cleans up after the process of `host`, whose sockets were `before` and have just been
    /// dropped: nothing that they still had to say is said, and the peers get resets, unless
    /// the machine has no power to send any. Returns how many connections there were.
    pub(crate) fn process_died(&mut self, host: u16, before: &Netstat, silent: bool, now: u64) {
        let step = self.step_from(now);
        let mut collected = std::mem::take(&mut self.collected);
        self.net.egress_all(&mut collected);
        let own = self.ip(host);
        for packet in collected.drain(..) {
            if packet.src != own {
                self.send(packet, step);
            }
        }
        self.collected = collected;
        for key in self.flows.keys().copied().filter(|key| key.src == host).collect::<BTreeSet<_>>()
        {
            self.forget(key);
        }
        for entry in &before.entries {
            let Some(peer) = entry.peer.filter(|_| is_connection(entry.state)) else { continue };
            // The sockets that linger to say goodbye are gone as well.
            self.net.deliver(reset_packet(peer, entry.local));
            if !silent && !peer.ip().is_loopback() {
                self.send(reset_packet(entry.local, peer), step);
            }
        }
    }
}

fn is_connection(state: Option<NetstatState>) -> bool {
    state.is_some_and(|state| state != NetstatState::Listen)
}

fn payload(packet: &Packet) -> u64 {
    match &packet.payload {
        Transport::Tcp(segment) => segment.payload.len() as u64,
        Transport::Udp(datagram) => datagram.payload.len() as u64,
    }
}

fn reset_packet(from: SocketAddr, to: SocketAddr) -> Packet {
    Packet {
        src: from.ip(),
        dst: to.ip(),
        ttl: 64,
        payload: Transport::Tcp(TcpSegment {
            src_port: from.port(),
            dst_port: to.port(),
            seq: 0,
            ack: 0,
            flags: TcpFlags { rst: true, ..TcpFlags::default() },
            window: 0,
            payload: Bytes::new(),
        }),
    }
}
