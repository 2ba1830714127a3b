//! What lies between hosts: links, the faults that act on packets, and the packets under way.
//!
//! A packet meets the faults and its link when it leaves, which says when it arrives. Arrivals are
//! rounded up to steps of the network's resolution, so that what arrives at nearly the same time is
//! worked on at once; no hop takes less than it should, none longer than by a step, and none no
//! time.
//!
//! A fault counts what it has changed: a packet that is held up and arrives at the same step all
//! the same was not delayed, one that is lost anyway was not lost by the fault.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;

use super::{
    faults::{Begin, Delay, Hold, Leaving, PacketOutcome, Performed, Rule, Sent, Slices, Throttle},
    link::{Carried, LinkState},
    packet::{Body, Flow, Packet},
    passage::{Late, way},
    severed::{Severed, answer, reset},
    tcp::{Flags, Segment},
};
use crate::{
    plan::{NetworkFault, Target, Topology, nanos},
    run::rng,
    sim::acting::Acting,
};

/// What faults remember of connections that are no more is forgotten when there is more of it than
/// this, and again each time it doubles.
const REMEMBERED: usize = 4096;

/// So many lists of packets that have arrived are kept for others, and none that is longer than this.
const LISTS: usize = 16;
const LIST_MAX: usize = 256;

pub(super) struct Fabric {
    topology: Topology,
    seed: u64,
    step: u64,
    effects: Rc<[Acting]>,
    links: Vec<Option<Box<LinkState>>>,
    /// The hosts without power: nothing that is sent to them arrives.
    dark: Vec<bool>,
    rules: Vec<Rule>,
    /// The faults that limit the bandwidth, in the order in which they were injected.
    throttles: Vec<Throttle>,
    late: Late,
    slicing: ChaCha8Rng,
    /// The connections whose ends hear from a proxy and no longer from each other.
    stood_in: BTreeSet<Flow>,
    severed: Vec<(Flow, Severed, u16)>,
    remembered_max: usize,
    /// The packets under way, by when they arrive: those of one step in the order in which they left.
    under_way: BTreeMap<u64, VecDeque<Packet>>,
    /// Empty lists of steps that are over.
    lists: Vec<VecDeque<Packet>>,
    packets: u64,
    bytes: u64,
}

impl Fabric {
    pub(super) fn new(topology: &Topology, seed: u64, effects: Rc<[Acting]>) -> Self {
        let hosts = topology.hosts.len();
        Self {
            step: nanos(topology.resolution).max(1),
            topology: topology.clone(),
            seed,
            effects,
            links: (0..hosts * hosts).map(|_| None).collect(),
            dark: vec![false; hosts],
            rules: Vec::new(),
            throttles: Vec::new(),
            late: Late::default(),
            slicing: rng::stream(seed, "slicer"),
            stood_in: BTreeSet::new(),
            severed: Vec::new(),
            remembered_max: REMEMBERED,
            under_way: BTreeMap::new(),
            lists: Vec::new(),
            packets: 0,
            bytes: 0,
        }
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of content under way.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn set_power(&mut self, host: u16, on: bool) {
        self.dark[usize::from(host)] = !on;
    }

    /// When something arrives, leaves a queue or is severed next.
    pub(super) fn next(&self) -> Option<u64> {
        let arrival = self.under_way.keys().next().copied();
        let queue = self.throttles.iter().filter_map(Throttle::next).min();
        let severed = self.rules.iter().filter_map(Rule::next_severed).min();
        [arrival, queue, severed].into_iter().flatten().min()
    }

    /// The next packet that has arrived by `now`.
    pub(super) fn arrived(&mut self, now: u64) -> Option<Packet> {
        while let Some(mut step) = self.under_way.first_entry()
            && *step.key() <= now
        {
            if let Some(packet) = step.get_mut().pop_front() {
                self.bytes -= packet.payload();
                return Some(packet);
            }
            let list = step.remove();
            if self.lists.len() < LISTS && list.capacity() <= LIST_MAX {
                self.lists.push(list);
            }
        }
        None
    }

    /// Takes back what a host sent after `now`.
    pub(super) fn take_back(&mut self, host: u16, now: u64) {
        for list in self.under_way.values_mut() {
            list.retain(|packet| {
                let is_ahead = packet.is_ahead(host, now);
                self.bytes -= if is_ahead { packet.payload() } else { 0 };
                !is_ahead
            });
        }
        for throttle in &mut self.throttles {
            self.bytes -= throttle.take_back(host, now);
        }
    }

    /// A fault has affected something.
    pub(super) fn affect(&self, fault: u16) {
        self.effects[usize::from(fault)].affect(1);
    }

    /// Lets everything leave the queues whose turn it is, and finds what is to be severed.
    pub(super) fn release(&mut self, now: u64) {
        for place in 0..self.throttles.len() {
            self.let_leave(place, now);
        }
        for rule in &mut self.rules {
            if rule.next_severed().is_some_and(|at| at <= now) {
                let severed = rule.severed(now).into_iter();
                self.severed.extend(severed.map(|(flow, how)| (flow, how, rule.fault)));
            }
        }
    }

    /// The connections that are to be severed now.
    pub(super) fn take_severed(&mut self) -> Vec<(Flow, Severed, u16)> {
        std::mem::take(&mut self.severed)
    }

    /// From now on the ends of a connection hear from a proxy only.
    pub(super) fn stand_in(&mut self, flow: Flow) {
        self.stood_in.insert(flow);
        self.stood_in.insert(flow.reverse());
    }

    /// A fault begins to act. Returns the connections that it resets at once.
    pub(super) fn inject(
        &mut self,
        number: u16,
        fault: &NetworkFault,
        target: &Target,
        connections: &[Flow],
        now: u64,
    ) -> Vec<Flow> {
        let begin =
            Begin { topology: &self.topology, seed: self.seed, now, effects: &self.effects };
        match Performed::of(number, fault, target, &begin) {
            Performed::Throttle(throttle) => {
                self.throttles.push(throttle);
                Vec::new()
            }
            Performed::Rule(mut rule) => {
                let reset = rule.meet(connections, now);
                self.rules.push(rule);
                reset
            }
        }
    }

    /// A fault ends. What waits for its bandwidth leaves at once.
    pub(super) fn heal(&mut self, number: u16, now: u64) {
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.fault == number) {
            let ended = rule.end().into_iter();
            self.severed.extend(ended.map(|(flow, how)| (flow, how, number)));
        }
        self.rules.retain(|rule| rule.fault != number);
        let place = self.throttles.iter().position(|throttle| throttle.fault == number);
        let Some(place) = place else { return };
        let mut healed = self.throttles.remove(place);
        while let Some(leaving) = healed.pop(now) {
            self.take_along(leaving, place, now);
        }
    }

    /// Sends a packet of `host`.
    pub(super) fn send(&mut self, host: u16, mut packet: Packet, now: u64) {
        self.packets += 1;
        packet.sent_at = now;
        let own = packet.dst.ip.is_loopback() || packet.dst.ip.host() == Some(host);
        if own {
            packet.host = host;
            let at = self.step_after(now);
            return self.schedule(at, packet);
        }
        let known = packet.dst.ip.host().filter(|to| usize::from(*to) < self.dark.len());
        let Some(to) = known else { return };
        packet.host = to;
        let hosts = (host, to);
        if let Some(segment) = packet.segment()
            && segment.flags.syn
            && !segment.flags.ack
        {
            self.opens(packet.flow(), hosts, now);
        }
        if !self.stood_in.is_empty() && self.stood_in.contains(&packet.flow()) {
            if let Some(answer) = answer(&packet) {
                self.deliver_next(answer, now);
            }
            return;
        }
        if self.throttles.is_empty() {
            return self.depart(packet, hosts, Vec::new(), now);
        }
        self.pass(Leaving { packet, hosts, waited: Vec::new() }, 0, now);
    }

    fn opens(&mut self, flow: Flow, hosts: (u16, u16), now: u64) {
        for rule in &mut self.rules {
            rule.opens(flow, hosts, now);
        }
        self.stood_in.remove(&flow);
        self.stood_in.remove(&flow.reverse());
    }

    /// Has so much been remembered that what is over should be forgotten?
    pub(super) fn remembers_much(&mut self) -> bool {
        let rules = self.rules.iter_mut().map(Rule::remembered).max().unwrap_or(0);
        rules.max(self.stood_in.len()).max(self.late.len()) > self.remembered_max
    }

    /// Forgets what concerns connections that are no more.
    pub(super) fn forget_ended(&mut self, live: &BTreeSet<Flow>, now: u64) {
        let lives = |flow: &Flow| live.contains(flow) || live.contains(&flow.reverse());
        self.rules.iter_mut().for_each(|rule| rule.forget_ended(lives));
        self.stood_in.retain(lives);
        self.late.forget_arrived(now);
        let most = self.rules.iter_mut().map(Rule::remembered).max().unwrap_or(0);
        let most = most.max(self.stood_in.len()).max(self.late.len());
        self.remembered_max = REMEMBERED.max(most * 2);
    }

    /// Lets a packet pass the queues from this one on that see it, and leave after the last.
    fn pass(&mut self, leaving: Leaving, from: usize, now: u64) {
        let seeing = self.throttles.iter().skip(from).position(|it| it.sees(leaving.hosts));
        let Some(place) = seeing.map(|place| from + place) else {
            return self.depart(leaving.packet, leaving.hosts, leaving.waited, now);
        };
        self.bytes += leaving.packet.payload();
        self.throttles[place].push(leaving, now);
        self.let_leave(place, now);
    }

    fn let_leave(&mut self, place: usize, now: u64) {
        while let Some(at) = self.throttles[place].next()
            && at <= now
            && let Some(leaving) = self.throttles[place].pop(at)
        {
            self.take_along(leaving, place + 1, at);
        }
    }

    /// A packet has left a queue, and comes to those from this one on.
    fn take_along(&mut self, leaving: Leaving, from: usize, at: u64) {
        self.bytes -= leaving.packet.payload();
        self.pass(leaving, from, at);
    }

    /// A packet leaves its host.
    fn depart(&mut self, packet: Packet, hosts: (u16, u16), waited: Vec<Delay>, now: u64) {
        let mut outcome = PacketOutcome { delays: waited, ..PacketOutcome::default() };
        let sent = Sent { hosts, packet: &packet, now };
        for rule in &mut self.rules {
            rule.apply(&sent, &mut outcome);
        }
        if outcome.answers_end {
            if let Some(segment) = packet.segment() {
                self.deliver_next(reset(&packet, segment), now);
            }
            return;
        }
        if let Some(slices) = outcome.slices.filter(|_| !outcome.lost && outcome.ends_at.is_none())
        {
            return self.send_sliced(&packet, hosts, slices, &outcome, now);
        }
        self.carry(packet, hosts, &mut outcome, now);
    }

    /// The link carries a packet, or loses it.
    fn carry(
        &mut self,
        mut packet: Packet,
        hosts: (u16, u16),
        outcome: &mut PacketOutcome,
        now: u64,
    ) -> Option<u64> {
        let arrives = self.arrival(hosts, &packet, outcome, now)?;
        packet.refused_by = outcome.refused_by;
        if let Body::Tcp(segment) = &mut packet.body {
            if let Some(end) = outcome.ends_at {
                let length = usize::try_from(end - segment.seq).unwrap_or(usize::MAX);
                segment.payload.truncate(length);
                segment.flags.fin = true;
            }
            if outcome.without_end {
                segment.flags.fin = false;
            }
            if let Some((fault, later)) = outcome.late_end {
                let end = Segment {
                    seq: segment.end() - 1,
                    payload: Bytes::new(),
                    flags: Flags { fin: true, ack: true, ..Flags::default() },
                    ..segment.clone()
                };
                segment.flags.fin = false;
                let at = self.step_of(now, arrives + later);
                if at > arrives {
                    self.effects[usize::from(fault)].affect(1);
                }
                let end = Packet { body: Body::Tcp(end), ..packet.clone() };
                self.schedule(at, end);
                if packet.payload() == 0 {
                    return Some(arrives);
                }
            }
        }
        if outcome.twice {
            if let Some(fault) = outcome.twice_by {
                self.effects[usize::from(fault)].affect(1);
            }
            self.packets += 1;
            self.schedule(arrives, packet.clone());
        }
        self.schedule(arrives, packet);
        Some(arrives)
    }

    fn send_sliced(
        &mut self,
        packet: &Packet,
        hosts: (u16, u16),
        slices: Slices,
        outcome: &PacketOutcome,
        now: u64,
    ) {
        let Some(whole) = packet.segment() else { return };
        let (mut sent, mut pause) = (0, slices.begins - now);
        let mut arrivals = BTreeSet::new();
        loop {
            let length = slices.next(whole.payload.len() - sent, &mut self.slicing);
            let last = sent + length == whole.payload.len();
            let segment = Segment {
                seq: whole.seq + sent as u64,
                payload: whole.payload.slice(sent..sent + length),
                flags: Flags { fin: whole.flags.fin && last, ..whole.flags },
                ..whole.clone()
            };
            let piece = Packet { body: Body::Tcp(segment), ..packet.clone() };
            let mut outcome = PacketOutcome { pause, slices: None, ..outcome.clone() };
            arrivals.insert(self.carry(piece, hosts, &mut outcome, now));
            sent += length;
            pause += slices.pause;
            if last {
                break;
            }
        }
        if let Some(rule) = self.rules.iter_mut().find(|rule| rule.fault == slices.fault) {
            rule.sliced(packet.flow(), now + pause);
        }
        // Pieces that come at one instant are read as one.
        self.effects[usize::from(slices.fault)].affect(u64::from(arrivals.len() > 1));
    }

    /// When a packet that leaves at `now` arrives, if it does. Counts what faults have changed.
    fn arrival(
        &mut self,
        hosts: (u16, u16),
        packet: &Packet,
        outcome: &mut PacketOutcome,
        now: u64,
    ) -> Option<u64> {
        let carried = self.link(hosts).carry(now, packet.size());
        let Carried::After { delay, twice } = carried else { return None };
        if self.dark[usize::from(hosts.1)] {
            return None;
        }
        if outcome.lost {
            if let Some(fault) = outcome.lost_by {
                self.effects[usize::from(fault)].affect(1);
            }
            return None;
        }
        if twice {
            (outcome.twice, outcome.twice_by) = (true, None);
        }
        if outcome.delays.is_empty() && outcome.pause == 0 {
            let arrival = self.step_of(now, now + delay);
            self.overtake(packet, arrival, now);
            return Some(arrival);
        }
        let queued = |held: &&Delay| held.how == Hold::Queued;
        let longer: u64 =
            outcome.delays.iter().filter(|held| !queued(held)).map(|held| held.by).sum();
        let arrives = now + delay + outcome.pause + longer;
        let arrival = self.step_of(now, arrives);
        for held in &outcome.delays {
            let left = if queued(&held) { now - held.by } else { now };
            let without = self.step_of(left, arrives - held.by);
            match held.how {
                Hold::Late if arrival > without => {
                    self.late.add(way(packet), arrival, held.fault);
                }
                Hold::Longer | Hold::Queued if arrival > without => {
                    self.effects[usize::from(held.fault)].affect(1);
                }
                _ => {}
            }
        }
        self.overtake(packet, arrival, now);
        Some(arrival)
    }

    fn overtake(&mut self, packet: &Packet, arrival: u64, now: u64) {
        if self.late.len() == 0 {
            return;
        }
        for (_, _, fault) in self.late.overtaken(way(packet), arrival, now) {
            self.effects[usize::from(fault)].affect(1);
        }
    }

    /// The step at which a packet arrives that left at `left` and would be there at `at`.
    fn step_of(&self, left: u64, at: u64) -> u64 {
        at.next_multiple_of(self.step).max(self.step_after(left))
    }

    fn step_after(&self, now: u64) -> u64 {
        (now + 1).next_multiple_of(self.step)
    }

    fn link(&mut self, (src, dst): (u16, u16)) -> &mut LinkState {
        let place = usize::from(src) * self.dark.len() + usize::from(dst);
        let Self { topology, links, seed, .. } = self;
        links[place].get_or_insert_with(|| {
            let name = |host: u16| topology.hosts[usize::from(host)].name.as_str();
            let (from, to) = (name(src), name(dst));
            let own = topology.links.iter().rfind(|spec| spec.from == from && spec.to == to);
            let link = own.map_or(topology.link, |spec| spec.link);
            let rng = rng::stream(*seed, &format!("link {from} {to}"));
            Box::new(LinkState::new(link, rng))
        })
    }

    /// Delivers a packet that comes from in between, at the next step.
    pub(super) fn deliver_next(&mut self, mut packet: Packet, now: u64) {
        let Some(host) = packet.dst.ip.host() else { return };
        packet.host = host;
        let at = self.step_after(now);
        self.schedule(at, packet);
    }

    fn schedule(&mut self, at: u64, packet: Packet) {
        self.bytes += packet.payload();
        let Self { under_way, lists, .. } = self;
        let list = under_way.entry(at).or_insert_with(|| lists.pop().unwrap_or_default());
        list.push_back(packet);
    }
}
