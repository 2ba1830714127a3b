//! The wire: carries packets between the hosts' stacks.
//!
//! The stacks, one for each host, are `turmoil-net`'s. After hosts have run, the wire collects
//! what they sent, at the next step of the network's time resolution; each packet meets the
//! faults that act and the link that it crosses, and is due at its destination some steps later.
//! A hop takes the latency of the link rounded down to steps, counted from the step at which
//! the packet was collected, which is rounded up: no hop is wrong by more than one step. A hop
//! that is shorter than a step ends at the next one, so that no exchange takes no time.

mod connections;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::BuildHasherDefault,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use rand_chacha::ChaCha8Rng;
use turmoil_net::{EnterGuard, HostId, KernelConfig, Net, Netstat, Packet, Transport};

use super::{
    flow::{Flow, FlowHasher, FlowKey, Timeouts, segment},
    link::{Carried, LinkState},
    rng,
    rules::{Fate, Rule, Sent, Slices},
    shared::Shared,
};
use crate::plan::nanos;

/// Idle flows are forgotten when there are more than this, and again each time it doubles.
const FLOWS_KEPT: usize = 4096;

pub(crate) struct Wire {
    net: EnterGuard,
    shared: Rc<Shared>,
    hosts: Vec<(HostId, IpAddr)>,
    /// Until when each host ran last: later than now, if it blocks its thread.
    ran_until: Vec<u64>,
    /// What hosts that block their threads have sent, by when it leaves.
    held: BTreeMap<u64, Vec<Packet>>,
    /// The hosts without power: nothing that is sent to them arrives.
    dark: BTreeSet<u16>,
    step: u64,
    links: Vec<Option<Box<LinkState>>>,
    /// Only ever looked up or filtered, never iterated in an order that shows.
    flows: HashMap<FlowKey, Flow, BuildHasherDefault<FlowHasher>>,
    flows_kept: usize,
    retries: BTreeSet<(u64, FlowKey)>,
    due: BTreeMap<u64, Vec<Packet>>,
    /// Lists of packets that were due, empty and with the room they had.
    emptied: Vec<Vec<Packet>>,
    rules: Vec<Rule>,
    slicing: ChaCha8Rng,
    collected: Vec<Packet>,
    delivered: Vec<(u64, Packet)>,
    /// Connection attempts that were handed to a stack, until it answers.
    attempts: BTreeMap<FlowKey, Packet>,
    alive: Option<Alive>,
    packets: u64,
    /// Connections that each host has tried to open.
    opened: Vec<u64>,
    bytes_due: u64,
}

/// The connections of a host as of one instant, for retransmissions.
struct Alive {
    now: u64,
    host: u16,
    /// By the port here and the address there.
    connections: BTreeSet<(u16, SocketAddr)>,
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
            ran_until: vec![0; hosts.len()],
            held: BTreeMap::new(),
            hosts,
            dark: BTreeSet::new(),
            step: nanos(topology.resolution),
            flows: HashMap::default(),
            flows_kept: FLOWS_KEPT,
            retries: BTreeSet::new(),
            due: BTreeMap::new(),
            emptied: Vec::new(),
            rules: Vec::new(),
            slicing: rng::stream(shared.seed, "slicer"),
            collected: Vec::new(),
            delivered: Vec::new(),
            attempts: BTreeMap::new(),
            alive: None,
            packets: 0,
            opened: vec![0; topology.hosts.len()],
            bytes_due: 0,
        }
    }

    /// Sockets that are used from `now` on are those of `host`.
    pub(crate) fn set_current(&mut self, host: u16, now: u64) {
        self.blocked_until(host, now);
        self.net.set_current(self.hosts[usize::from(host)].0);
    }

    /// The process of `host` ran until `until`, by its own clock.
    pub(crate) fn blocked_until(&mut self, host: u16, until: u64) {
        let ran_until = &mut self.ran_until[usize::from(host)];
        *ran_until = until.max(*ran_until);
    }

    /// Switches the power of `host` on or off.
    pub(crate) fn set_power(&mut self, host: u16, on: bool) {
        if on {
            self.dark.remove(&host);
        } else {
            self.dark.insert(host);
        }
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
        let held = self.held.keys().next().copied();
        [due, retry, resets, held].into_iter().flatten().min()
    }

    /// Connections that `host` has tried to open so far.
    pub(crate) fn connections_opened(&self, host: u16) -> u64 {
        self.opened[usize::from(host)]
    }

    /// Packets sent so far.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of payload under way or waiting for a retransmission. Slow: for checks of a limit.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes_due + self.flows.values().map(Flow::bytes).sum::<u64>()
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
            self.leave(packet, now);
        }
        self.collected = collected;
        // A full backlog drops an attempt without a word: it comes again after its timeout.
        for packet in std::mem::take(&mut self.attempts).into_values() {
            self.give_back(packet, now);
        }
    }

    /// Sends a packet, once the process that it comes from is done with what it was at. Only what
    /// the stack answers to a connection attempt does not wait for the process.
    fn leave(&mut self, packet: Packet, now: u64) {
        let ran_until = self.index(packet.src).map_or(0, |src| self.ran_until[usize::from(src)]);
        if ran_until <= now || self.answers_attempt(&packet) {
            return self.send(packet, now);
        }
        self.bytes_due += payload(&packet);
        self.held.entry(self.step_from(ran_until)).or_default().push(packet);
    }

    fn answers_attempt(&self, packet: &Packet) -> bool {
        let (src, dst) = (self.index(packet.src), self.index(packet.dst));
        let (Some(tcp), Some(src), Some(dst)) = (segment(packet), src, dst) else { return false };
        let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
        self.attempts.contains_key(&key.reverse())
    }

    fn send(&mut self, packet: Packet, now: u64) {
        self.packets += 1;
        let (Some(src), Some(dst)) = (self.index(packet.src), self.index(packet.dst)) else {
            return;
        };
        let Some(tcp) = segment(&packet) else {
            let mut fate = self.fate((src, dst), &packet, None, false, now);
            if let Some(arrives) = self.arrival((src, dst), &packet, &mut fate, now) {
                if fate.twice {
                    self.schedule_again(arrives, &packet, &fate);
                }
                self.schedule(arrives, packet);
            }
            return;
        };
        let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
        let (reset, syn) = (tcp.flags.rst, tcp.flags.syn);
        if syn && !tcp.flags.ack {
            self.opened[usize::from(src)] += 1;
            let (local, peer) = (self.source(key), self.destination(key));
            self.shared.seams[usize::from(src)].open(local, peer);
        }
        let attempt = self.attempts.remove(&key.reverse());
        if reset {
            // The sender has forgotten the connection, and with it what it had to send again.
            self.forget(key);
        }
        let mut fate = self.fate((src, dst), &packet, Some(key), false, now);
        // What is lost is lost as a whole, and is not cut when it comes again.
        if let Some(slices) = fate.slices.filter(|_| !fate.lost) {
            return self.send_sliced(key, &packet, slices, &fate, now);
        }
        let arrives = self.arrival((src, dst), &packet, &mut fate, now);
        match arrives {
            Some(arrives) if fate.refused => self.refuse(key, packet, arrives),
            Some(arrives) if reset => {
                let last = self.flows.get(&key).map_or(0, Flow::last_arrival);
                self.schedule(arrives.max(last), packet);
            }
            None if reset => self.reset_lost(key, attempt, now),
            arrives => self.send_segment(key, packet, arrives, &fate, now),
        }
    }

    fn send_segment(
        &mut self,
        key: FlowKey,
        packet: Packet,
        arrives: Option<u64>,
        fate: &Fate,
        now: u64,
    ) {
        let syn = segment(&packet).is_some_and(|segment| segment.flags.syn);
        let timeouts = self.timeouts(syn);
        let mut delivered = std::mem::take(&mut self.delivered);
        self.with_flow(key, |flow| flow.send(packet, now, arrives, timeouts, &mut delivered));
        // Flags and acknowledgements say twice what they say once, and what waits for an earlier
        // segment is not under way: a second copy is one of data, along with the first.
        if fate.twice
            && let Some((arrives, packet)) = delivered.last()
            && payload(packet) > 0
        {
            self.schedule_again(*arrives, packet, fate);
        }
        for (arrives, packet) in delivered.drain(..) {
            self.schedule(arrives, packet);
        }
        self.delivered = delivered;
        if self.flows.len() > self.flows_kept {
            self.forget_idle(now);
        }
    }

    /// Forgets the flows that have nothing to remember.
    pub(crate) fn forget_idle(&mut self, now: u64) {
        self.flows.retain(|_, flow| !flow.is_idle(now));
        self.flows.shrink_to_fit();
        self.flows_kept = FLOWS_KEPT.max(self.flows.len() * 2);
    }

    fn send_sliced(
        &mut self,
        key: FlowKey,
        packet: &Packet,
        slices: Slices,
        fate: &Fate,
        now: u64,
    ) {
        let Transport::Tcp(whole) = &packet.payload else { return };
        self.shared.affect(slices.fault, 1);
        let mut sent = 0;
        let mut pause = 0;
        while sent < whole.payload.len() {
            let length = slices.next(whole.payload.len() - sent, &mut self.slicing);
            let mut piece = packet.clone();
            if let Transport::Tcp(piece) = &mut piece.payload {
                piece.seq = whole.seq.wrapping_add(u32::try_from(sent).unwrap_or(u32::MAX));
                piece.payload = whole.payload.slice(sent..sent + length);
            }
            let mut fate = Fate { delay: fate.delay + pause, slices: None, ..*fate };
            let arrives = self.arrival((key.src, key.dst), &piece, &mut fate, now);
            self.send_segment(key, piece, arrives, &fate, now);
            sent += length;
            pause += slices.pause;
        }
    }

    fn timeouts(&self, connecting: bool) -> Timeouts {
        let tcp = &self.shared.plan.topology.tcp;
        let (retransmit, give_up) = if connecting {
            (tcp.syn_rto, tcp.connect_timeout)
        } else {
            (tcp.rto, tcp.user_timeout)
        };
        Timeouts { retransmit: nanos(retransmit), give_up: nanos(give_up) }
    }

    /// Does something to a flow and notes when it next has something to do.
    fn with_flow(&mut self, key: FlowKey, act: impl FnOnce(&mut Flow)) {
        let flow = self.flows.entry(key).or_default();
        let before = flow.retry_at;
        act(flow);
        let after = flow.retry_at;
        self.retime(key, before, after);
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

    /// What the acting faults do to a packet; `again` if it was sent before.
    fn fate(
        &mut self,
        hosts: (u16, u16),
        packet: &Packet,
        flow: Option<FlowKey>,
        again: bool,
        now: u64,
    ) -> Fate {
        let mut fate = Fate::default();
        let sent = Sent { hosts, packet, flow, again, now };
        for rule in &mut self.rules {
            rule.apply(&sent, &mut fate);
        }
        fate
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
        if fate.lost || self.dark.contains(&hosts.1) {
            return None;
        }
        fate.twice |= twice;
        let delay = delay + fate.delay;
        let least = if self.ran_until[usize::from(hosts.0)] >= now { self.step } else { 0 };
        Some(now + (delay - delay % self.step).max(least))
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
        let emptied = || self.emptied.pop().unwrap_or_default();
        self.due.entry(arrives).or_insert_with(emptied).push(packet);
    }

    /// Schedules the second copy of a packet, ahead of the first, which is equal to it.
    fn schedule_again(&mut self, arrives: u64, packet: &Packet, fate: &Fate) {
        if let Some(fault) = fate.twice_by {
            self.shared.affect(fault, 1);
        }
        self.packets += 1;
        self.schedule(arrives, packet.clone());
    }

    /// Performs the departures, retransmissions and resets that are due by `now`.
    pub(crate) fn perform(&mut self, now: u64) {
        while let Some(entry) = self.held.first_entry().filter(|entry| *entry.key() <= now) {
            for packet in entry.remove() {
                self.bytes_due -= payload(&packet);
                self.send(packet, now);
            }
        }
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
        if flow.has_waiting() && !self.sender_lives(key, now) {
            return;
        }
        if flow.gives_up(now) {
            return self.give_up(key, now);
        }
        let hosts = (key.src, key.dst);
        let step = self.step_from(now);
        let timeouts = self.timeouts(flow.is_connecting());
        let mut refused = None;
        let delivered = flow.retransmit(now, timeouts, |packet| {
            self.packets += 1;
            let mut fate = self.fate(hosts, packet, Some(key), true, step);
            let arrives = self.arrival(hosts, packet, &mut fate, step)?;
            if fate.refused {
                refused = Some((packet.clone(), arrives));
                return None;
            }
            Some(arrives)
        });
        self.retime(key, None, flow.retry_at);
        self.flows.insert(key, flow);
        for (arrives, packet) in delivered {
            self.schedule(arrives, packet);
        }
        if let Some((attempt, arrives)) = refused {
            self.refuse(key, attempt, arrives);
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
            let mut packets = entry.remove();
            for packet in packets.drain(..) {
                self.bytes_due -= payload(&packet);
                if let Some(host) = self.index(packet.dst) {
                    into.push((host, packet));
                }
            }
            // As many as there are instants with packets under way at once: few.
            self.emptied.push(packets);
        }
    }

    /// Hands a packet to the stack of its destination, which wakes tasks.
    pub(crate) fn deliver(&mut self, packet: Packet) {
        if let (Some(tcp), Some(src), Some(dst)) =
            (segment(&packet), self.index(packet.src), self.index(packet.dst))
        {
            let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
            if tcp.flags.rst {
                // The receiver forgets the connection, and with it what it had to send again.
                self.forget(key.reverse());
            } else if tcp.flags.syn && !tcp.flags.ack {
                self.attempts.insert(key, packet.clone());
            }
        }
        self.net.deliver(packet);
    }

    /// A packet has found nobody at its destination: it is lost.
    pub(crate) fn give_back(&mut self, packet: Packet, now: u64) {
        let Some(tcp) = segment(&packet) else { return };
        if tcp.flags.rst {
            return;
        }
        let (Some(src), Some(dst)) = (self.index(packet.src), self.index(packet.dst)) else {
            return;
        };
        let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
        let timeouts = self.timeouts(tcp.flags.syn);
        self.with_flow(key, |flow| flow.give_back(packet, now, timeouts));
    }
}

fn payload(packet: &Packet) -> u64 {
    match &packet.payload {
        Transport::Tcp(segment) => segment.payload.len() as u64,
        Transport::Udp(datagram) => datagram.payload.len() as u64,
    }
}
