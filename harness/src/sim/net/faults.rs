//! The network faults that act now, and what they do to a packet.
//!
//! Each carries what it remembers itself. To add one is an arm of [`Performed::of`]: a closure, if
//! it looks at each packet by itself, or a [`PacketFault`].

mod connections;
mod memory;
mod outcome;
mod packet_fault;
mod scope;
mod streams;
mod throttle;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use self::{
    connections::{HalfOpen, Reset, ResetPeer, Timeout},
    packet_fault::PacketFault,
    scope::Scope,
    streams::{LimitData, Slicer, SlowClose},
};
pub(crate) use self::{
    outcome::{Delay, Hold, PacketOutcome, Slices},
    packet_fault::Sent,
    throttle::{Leaving, Throttle},
};
use super::{deadlines::Deadlines, packet::Flow, severed::Severed};
use crate::{
    plan::{NetworkFault, Target, Topology, nanos},
    run::rng,
    sim::acting::Acting,
};

/// A fault of the network that acts now, where it acts.
pub(crate) enum Performed {
    /// When a packet leaves for its link.
    Rule(Rule),
    /// In a queue before that.
    Throttle(Throttle),
}

/// What a fault that begins to act is told.
pub(crate) struct Begin<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) seed: u64,
    pub(crate) now: u64,
    pub(crate) effects: &'a Rc<[Acting]>,
}

impl Performed {
    pub(crate) fn of(
        number: u16,
        fault: &NetworkFault,
        target: &Target,
        begin: &Begin<'_>,
    ) -> Self {
        let Begin { topology, seed, now: injected, effects } = *begin;
        let scope = Scope::new(target, topology);
        let mut rng = rng::stream(seed, &format!("fault {number} {}", fault.name()));
        let act: Box<dyn PacketFault> = match *fault {
            NetworkFault::Latency { latency, jitter } => each_packet(move |_, outcome| {
                let by = nanos(latency - jitter) + rng::up_to(jitter * 2, &mut rng);
                outcome.delay(number, by, Hold::Longer);
            }),
            NetworkFault::Jitter { jitter } => each_packet(move |_, outcome| {
                outcome.delay(number, rng::up_to(jitter, &mut rng), Hold::Longer);
            }),
            NetworkFault::Loss { rate } | NetworkFault::Corrupt { rate } => {
                each_packet(move |_, outcome| {
                    if rng::chance(rate, &mut rng) {
                        outcome.lose(number);
                    }
                })
            }
            NetworkFault::Duplicate { rate } => each_packet(move |_, outcome| {
                if rng::chance(rate, &mut rng) {
                    outcome.twice = true;
                    outcome.twice_by.get_or_insert(number);
                }
            }),
            NetworkFault::Reorder { rate, by } => each_packet(move |_, outcome| {
                if rng::chance(rate, &mut rng) {
                    outcome.delay(number, nanos(by), Hold::Late);
                }
            }),
            NetworkFault::Partition | NetworkFault::Blackhole => {
                each_packet(move |_, outcome| outcome.lose(number))
            }
            NetworkFault::Flap { down, up } => each_packet(move |sent, outcome| {
                let into = (sent.now - injected) % (nanos(down) + nanos(up));
                if into < nanos(down) {
                    outcome.lose(number);
                }
            }),
            NetworkFault::Refuse => each_packet(move |sent, outcome| {
                if sent.packet.segment().is_some_and(|it| it.flags.syn && !it.flags.ack) {
                    outcome.refused_by.get_or_insert(number);
                }
            }),
            NetworkFault::Reset => Box::new(Reset),
            NetworkFault::HalfOpen => Box::new(HalfOpen { fault: number, cut: BTreeSet::new() }),
            NetworkFault::ResetPeer { timeout } => {
                Box::new(ResetPeer { timeout: nanos(timeout), severs: Deadlines::default() })
            }
            NetworkFault::Timeout { timeout } => Box::new(Timeout {
                fault: number,
                timeout: nanos(timeout),
                severs: Deadlines::default(),
                swallowed: BTreeMap::new(),
            }),
            NetworkFault::SlowClose { delay } => {
                Box::new(SlowClose { fault: number, delay: nanos(delay), ends: BTreeMap::new() })
            }
            NetworkFault::Slicer { average_size, size_variation, delay } => Box::new(Slicer {
                fault: number,
                average: average_size,
                variation: size_variation,
                pause: nanos(delay),
                busy: BTreeMap::new(),
            }),
            NetworkFault::LimitData { bytes } => Box::new(LimitData {
                fault: number,
                bytes,
                effects: Rc::clone(effects),
                limits: BTreeMap::new(),
            }),
            NetworkFault::Bandwidth { rate } => {
                return Self::Throttle(Throttle::new(number, rate, scope));
            }
        };
        Self::Rule(Rule { fault: number, scope, act })
    }
}

fn each_packet(act: impl FnMut(&Sent<'_>, &mut PacketOutcome) + 'static) -> Box<dyn PacketFault> {
    Box::new(act)
}

/// A fault that acts on the packets that leave for their links.
pub(crate) struct Rule {
    pub(crate) fault: u16,
    scope: Scope,
    act: Box<dyn PacketFault>,
}

impl Rule {
    /// Tells a fault that begins to act which connections there are. Those that it returns are to
    /// be reset at once.
    pub(crate) fn meet(&mut self, connections: &[Flow], now: u64) -> Vec<Flow> {
        let touched = connections.iter().copied().filter(|flow| {
            let hosts = flow.src.ip.host().zip(flow.dst.ip.host());
            hosts.is_some_and(|(src, dst)| self.scope.touches(src, dst))
        });
        let touched: Vec<Flow> = touched.collect();
        if self.act.resets_at_once() {
            return touched;
        }
        for flow in touched {
            let hosts = flow.src.ip.host().zip(flow.dst.ip.host());
            let seen = hosts.is_some_and(|(src, dst)| self.scope.sees(src, dst));
            self.act.meet(if seen { flow } else { flow.reverse() }, now);
        }
        Vec::new()
    }

    /// The fault ends: the connections that end with it.
    pub(crate) fn end(&mut self) -> Vec<(Flow, Severed)> {
        self.act.end()
    }

    /// The connections whose time has come.
    pub(crate) fn severed(&mut self, now: u64) -> Vec<(Flow, Severed)> {
        self.act.severed(now)
    }

    /// When the next connection is to be severed.
    pub(crate) fn next_severed(&self) -> Option<u64> {
        self.act.next_severed()
    }

    /// A connection is opened: what an earlier one of the same ports was due is not this one's.
    pub(crate) fn opens(&mut self, flow: Flow, (src, dst): (u16, u16), now: u64) {
        if let Some(memory) = self.act.memory() {
            memory.forget(flow);
            memory.forget(flow.reverse());
        }
        if self.scope.touches(src, dst) {
            let seen = self.scope.sees(src, dst);
            self.act.opened(if seen { flow } else { flow.reverse() }, now);
        }
    }

    /// How many connections it remembers something of.
    pub(crate) fn remembered(&mut self) -> usize {
        self.act.memory().map_or(0, |memory| memory.len())
    }

    /// Forgets the connections that are no more.
    pub(crate) fn forget_ended(&mut self, lives: impl Fn(&Flow) -> bool) {
        if let Some(memory) = self.act.memory() {
            memory.retain(&lives);
        }
    }

    /// Applies the fault to a packet.
    pub(crate) fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        self.act.overhear(sent, outcome);
        if self.scope.sees(sent.hosts.0, sent.hosts.1) {
            self.act.apply(sent, outcome);
        }
    }

    /// The pieces of a stream have left by then, and the pause after the last of them is over.
    pub(crate) fn sliced(&mut self, flow: Flow, until: u64) {
        self.act.sliced(flow, until);
    }
}

#[cfg(test)]
mod tests;
