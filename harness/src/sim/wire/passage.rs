//! How packets pass the network: what the faults and the link do to one, when it arrives, and what
//! of it a fault has changed.
//!
//! A fault counts what it has changed, not what it might have: a packet that is held up and
//! arrives at the same step all the same was not delayed, one that is lost anyway was not lost by
//! the fault, and one that is late and that nothing overtakes is not out of order.

use std::collections::{BTreeMap, BTreeSet};

use turmoil_net::{NetstatState, Packet, Transport};

use super::{FlowKey, Wire};
use crate::sim::{
    flow::{is_pure_ack, segment},
    link::{Carried, LinkState},
    rng,
    rules::{Delay, Fate, Hold, Sent},
};

/// The way of packets that have an order among themselves: of one connection in one direction, or
/// of datagrams between two sockets.
type Way = (FlowKey, bool);

/// The packets that a fault has made late and that have not arrived.
#[derive(Default)]
pub(super) struct Late {
    /// By their way: when each arrives, a number that tells it from others, and the fault.
    ways: BTreeMap<Way, BTreeSet<(u64, u64, u16)>>,
    next: u64,
}

impl Late {
    fn add(&mut self, way: Way, arrives: u64, fault: u16) {
        self.next += 1;
        self.ways.entry(way).or_default().insert((arrives, self.next, fault));
    }

    /// A packet is sent at `now` and arrives at `arrives`. Returns those that are late and that it
    /// overtakes.
    fn overtaken(&mut self, way: Way, arrives: u64, now: u64) -> BTreeSet<(u64, u64, u16)> {
        let Some(late) = self.ways.get_mut(&way) else { return BTreeSet::new() };
        while late.first().is_some_and(|(arrived, ..)| *arrived <= now) {
            late.pop_first();
        }
        let overtaken = late.split_off(&(arrives + 1, 0, 0));
        if late.is_empty() {
            self.ways.remove(&way);
        }
        overtaken
    }

    pub(super) fn forget_arrived(&mut self, now: u64) {
        self.ways.retain(|_, late| {
            *late = late.split_off(&(now + 1, 0, 0));
            !late.is_empty()
        });
    }
}

/// What the last acknowledgement said that has overtaken segments of its flow: what they carry is
/// older, and comes later.
pub(super) struct Ahead {
    arrives: u64,
    /// When the last segment arrives that was overtaken.
    pub(super) until: u64,
    ack: u32,
    window: u16,
}

impl Wire {
    /// What the acting faults want of a packet; `again` if it was sent before.
    pub(super) fn fate(
        &mut self,
        hosts: (u16, u16),
        packet: &Packet,
        again: bool,
        now: u64,
    ) -> Fate {
        let mut fate = Fate::default();
        let flow = segment(packet).map(|tcp| FlowKey {
            src: hosts.0,
            src_port: tcp.src_port,
            dst: hosts.1,
            dst_port: tcp.dst_port,
        });
        let sent = Sent { hosts, packet, flow, again, now };
        for rule in &mut self.rules {
            rule.apply(&sent, &mut fate);
        }
        fate
    }

    /// When a packet that leaves at `at` arrives, if it does. Counts what faults have changed.
    pub(super) fn arrival(
        &mut self,
        hosts: (u16, u16),
        packet: &Packet,
        fate: &mut Fate,
        at: u64,
    ) -> Option<u64> {
        let carried = self.link(hosts).carry(at, packet.size());
        let Carried::After { delay, twice } = carried else { return None };
        if self.dark.contains(&hosts.1) {
            return None;
        }
        if fate.lost {
            if let Some(fault) = fate.lost_by {
                self.shared.affect(fault, 1);
            }
            return None;
        }
        if twice {
            (fate.twice, fate.twice_by) = (true, None);
        }
        let queued = |held: &&Delay| held.how == Hold::Queued;
        let longer: u64 = fate.delays.iter().filter(|held| !queued(held)).map(|held| held.by).sum();
        let arrives = at + delay + fate.pause + longer;
        let arrival = self.step_of(hosts.0, at, arrives);
        let way = way(hosts, packet);
        for held in &fate.delays {
            let left = if queued(&held) { at - held.by } else { at };
            let without = self.step_of(hosts.0, left, arrives - held.by);
            match held.how {
                Hold::Late if arrival > without => self.late.add(way, arrival, held.fault),
                Hold::Longer | Hold::Queued if arrival > without => {
                    self.shared.affect(held.fault, 1);
                }
                _ => {}
            }
        }
        for (_, _, fault) in self.late.overtaken(way, arrival, at) {
            self.shared.affect(fault, 1);
        }
        Some(arrival)
    }

    /// The step at which a packet arrives that left at `left` and would be there at `at`.
    fn step_of(&self, src: u16, left: u64, at: u64) -> u64 {
        // So that no exchange takes no time.
        let least = if self.ran_until[usize::from(src)] >= left { self.step } else { 0 };
        (at - at % self.step).max(left - left % self.step + least)
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

    /// Does a fault refuse this connection attempt? What nobody listens for is refused anyway, and
    /// not by the fault.
    pub(super) fn is_refused(&self, key: FlowKey, fate: &Fate) -> bool {
        let Some(fault) = fate.refused_by else { return false };
        let listens = self.netstat(key.dst).entries.iter().any(|entry| {
            entry.state == Some(NetstatState::Listen) && entry.local.port() == key.dst_port
        });
        self.shared.affect(fault, u64::from(listens));
        listens
    }

    /// When a pure acknowledgement arrives that overtakes what its flow has under way: it needs no
    /// place in the stream, and only the order among those that do so too.
    pub(super) fn overtake(
        &mut self,
        key: FlowKey,
        packet: &Packet,
        arrives: u64,
        now: u64,
    ) -> Option<u64> {
        let tcp = segment(packet).filter(|tcp| is_pure_ack(tcp))?;
        let until = self.flows.get(&key)?.last_arrival();
        let arrives = self.ahead.get(&key).map_or(arrives, |ahead| ahead.arrives.max(arrives));
        if arrives >= until {
            return None;
        }
        self.ahead.insert(key, Ahead { arrives, until, ack: tcp.ack, window: tcp.window });
        let timeouts = self.timeouts(false);
        self.with_flow(key, |flow| flow.overtake(packet, now, timeouts));
        Some(arrives)
    }

    /// A segment arrives that acknowledgements have overtaken: an older window after a newer one
    /// would let the peer send too much, so it says what they said.
    pub(super) fn bring_up_to_date(&self, packet: &mut Packet, at: u64) {
        if self.ahead.is_empty() {
            return;
        }
        let (Some(src), Some(dst)) = (self.index(packet.src), self.index(packet.dst)) else {
            return;
        };
        let Transport::Tcp(tcp) = &mut packet.payload else { return };
        let key = FlowKey { src, src_port: tcp.src_port, dst, dst_port: tcp.dst_port };
        let Some(ahead) = self.ahead.get(&key).filter(|ahead| at <= ahead.until) else { return };
        let newer = ahead.ack.wrapping_sub(tcp.ack).cast_signed();
        // Of two that acknowledge the same, the newer one has the larger window.
        if tcp.flags.ack && (newer > 0 || newer == 0 && ahead.window > tcp.window) {
            (tcp.ack, tcp.window) = (ahead.ack, ahead.window);
        }
    }

    /// Is there anything of this connection at one of its ends?
    pub(super) fn lives(&mut self, key: FlowKey, now: u64) -> bool {
        self.sender_lives(key, now) || self.sender_lives(key.reverse(), now)
    }
}

fn way((src, dst): (u16, u16), packet: &Packet) -> Way {
    let (src_port, dst_port, stream) = match &packet.payload {
        Transport::Tcp(tcp) => (tcp.src_port, tcp.dst_port, true),
        Transport::Udp(udp) => (udp.src_port, udp.dst_port, false),
    };
    (FlowKey { src, src_port, dst, dst_port }, stream)
}
