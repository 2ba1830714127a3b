//! The wire: carries packets between the hosts' stacks.
//!
//! The stacks, one for each host, are `turmoil-net`'s. After hosts have run, the wire collects
//! what they sent, at the next step of the network's time resolution; each packet meets the
//! faults that act and the link that it crosses, and is due at its destination some steps later.
//! A hop takes the latency of the link rounded down to steps, counted from the step at which
//! the packet was collected, which is rounded up: no hop is wrong by more than one step. A hop
//! that is shorter than a step ends at the next one, so that no exchange takes no time.

mod connections;
mod leaving;
mod passage;

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
    link::LinkState,
    rng,
    rules::{Fate, Rule, Slices},
    shared::Shared,
    throttle::Throttle,
};
use crate::plan::nanos;

/// Idle flows are forgotten when there are more than this, and again each time it doubles. So are
/// the connections that a fault remembers and that are no more.
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
    /// How many connections the rules may remember before those that are no more are forgotten.
    remembered_max: usize,
    /// The faults that limit the bandwidth, in the order in which they were injected.
    throttles: Vec<Throttle>,
    /// The flows that wait for the bandwidth to send something again.
    sending_again: BTreeSet<FlowKey>,
    /// The packets that a fault has made late.
    late: passage::Late,
    /// The acknowledgements that have overtaken something.
    ahead: BTreeMap<FlowKey, passage::Ahead>,
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
            remembered_max: FLOWS_KEPT,
            throttles: Vec::new(),
            sending_again: BTreeSet::new(),
            late: passage::Late::default(),
            ahead: BTreeMap::new(),
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
        let throttled = self.throttles.iter().filter_map(Throttle::next).min();
        // It takes up the step in which it leaves from its beginning.
        let throttled = throttled.map(|at| at - at % self.step);
        [due, retry, resets, held, throttled].into_iter().flatten().min()
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

    fn send_segment(
        &mut self,
        key: FlowKey,
        packet: Packet,
        arrives: Option<u64>,
        fate: &Fate,
        now: u64,
    ) {
        if let Some(arrives) = arrives.and_then(|arrives| self.overtake(key, &packet, arrives, now))
        {
            return self.schedule(arrives, packet);
        }
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
        self.late.forget_arrived(now);
        self.ahead.retain(|_, ahead| ahead.until > now);
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
        let mut sent = 0;
        let mut pause = 0;
        let mut arrivals = BTreeSet::new();
        while sent < whole.payload.len() {
            let length = slices.next(whole.payload.len() - sent, &mut self.slicing);
            let mut piece = packet.clone();
            if let Transport::Tcp(piece) = &mut piece.payload {
                piece.seq = whole.seq.wrapping_add(u32::try_from(sent).unwrap_or(u32::MAX));
                piece.payload = whole.payload.slice(sent..sent + length);
            }
            let mut fate = Fate { pause, slices: None, ..fate.clone() };
            let arrives = self.arrival((key.src, key.dst), &piece, &mut fate, now);
            arrivals.insert(arrives);
            self.send_segment(key, piece, arrives, &fate, now);
            sent += length;
            pause += slices.pause;
        }
        // Pieces that come at one instant are read as one.
        self.shared.affect(slices.fault, u64::from(arrivals.len() > 1));
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
        for place in 0..self.throttles.len() {
            self.let_leave(place, now);
        }
        self.perform_resets(now);
        while let Some(&(at, key)) = self.retries.first() {
            if at > now {
                break;
            }
            self.retries.pop_first();
            self.retransmit(key, now);
        }
    }

    /// Resets the connections whose time has come, if they are still there.
    fn perform_resets(&mut self, now: u64) {
        let mut due = Vec::new();
        for rule in &mut self.rules {
            due.extend(rule.resets_due(now).into_iter().map(|key| (rule.fault, key)));
        }
        let mut done = BTreeSet::new();
        for (fault, key) in due {
            if self.lives(key, now) && done.insert(key.min(key.reverse())) {
                self.shared.affect(fault, 1);
                self.reset(key, now);
            }
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
            let (at, mut packets) = entry.remove_entry();
            for mut packet in packets.drain(..) {
                self.bytes_due -= payload(&packet);
                self.bring_up_to_date(&mut packet, at);
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
