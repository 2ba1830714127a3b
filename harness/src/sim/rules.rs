//! The faults of the network that act now, and what they do to a packet.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use turmoil_net::Packet;

use super::{
    flow::{FlowKey, segment},
    rng,
    shared::Shared,
};
use crate::plan::{Direction, Fault, FaultKind, Target, Topology, nanos};

/// What the acting faults want of one packet. What they have done to it is counted once it is
/// known what becomes of the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// It does not arrive.
    pub(crate) lost: bool,
    /// The fault that is to blame if it does not, and counts what it loses.
    pub(crate) lost_by: Option<u16>,
    /// What holds it up.
    pub(crate) delays: Vec<Delay>,
    /// It leaves later than the piece before it, by so many nanoseconds.
    pub(crate) pause: u64,
    /// It arrives twice, if it is something that can.
    pub(crate) twice: bool,
    /// The fault that is to blame if it does.
    pub(crate) twice_by: Option<u16>,
    /// It is a connection attempt, and is refused by this fault.
    pub(crate) refused_by: Option<u16>,
    /// It is cut into pieces of about this many bytes, with a pause between them.
    pub(crate) slices: Option<Slices>,
}

/// So long a fault holds a packet up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delay {
    pub(crate) fault: u16,
    /// In nanoseconds.
    pub(crate) by: u64,
    pub(crate) how: Hold,
}

/// How a fault holds a packet up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It takes longer.
    Longer,
    /// It takes longer, so that others overtake it: only that counts.
    Late,
    /// It has waited before it left.
    Queued,
}

impl Fate {
    /// A fault loses the packet, unless another one has.
    fn lose(&mut self, fault: u16) {
        if !self.lost {
            self.lost_by = Some(fault);
        }
        self.lost = true;
    }

    fn delay(&mut self, fault: u16, by: u64, how: Hold) {
        if by > 0 {
            self.delays.push(Delay { fault, by, how });
        }
    }
}

/// A packet that is sent.
pub(crate) struct Sent<'a> {
    pub(crate) hosts: (u16, u16),
    pub(crate) packet: &'a Packet,
    /// The flow it is of, if of a connection.
    pub(crate) flow: Option<FlowKey>,
    /// It was sent before, and was lost.
    pub(crate) again: bool,
    pub(crate) now: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slices {
    pub(crate) fault: u16,
    pub(crate) average: u32,
    pub(crate) variation: u32,
    pub(crate) pause: u64,
}

/// A fault of the network that acts now.
pub(crate) struct Rule {
    pub(crate) fault: u16,
    kind: FaultKind,
    scope: Scope,
    injected: u64,
    rng: ChaCha8Rng,
    shared: Rc<Shared>,
    /// The connections that a `half_open` fault cut.
    cut: BTreeSet<FlowKey>,
    /// The bytes that each flow has carried, for `limit_data`.
    carried: BTreeMap<FlowKey, u64>,
    /// When connections are to be reset, by one of their flows.
    resets: BTreeMap<FlowKey, u64>,
}

/// Which packets a fault sees, by the hosts' indices.
pub(crate) struct Scope {
    a: BTreeSet<u16>,
    /// `None` for all others.
    b: Option<BTreeSet<u16>>,
    direction: Direction,
}

impl Scope {
    pub(crate) fn new(target: &Target, topology: &Topology) -> Self {
        let index = |name: &String| topology.index_of(name).and_then(|at| u16::try_from(at).ok());
        let all = |names: &[String]| names.iter().filter_map(index).collect();
        match target {
            Target::Host { host, direction } => {
                Self { a: index(host).into_iter().collect(), b: None, direction: *direction }
            }
            Target::Between { a, b, direction } => {
                Self { a: all(a), b: Some(all(b)), direction: *direction }
            }
            Target::Load => Self { a: BTreeSet::new(), b: None, direction: Direction::Both },
        }
    }

    pub(crate) fn sees(&self, src: u16, dst: u16) -> bool {
        let other = |host: u16| self.b.as_ref().is_none_or(|b| b.contains(&host));
        (self.direction.sends() && self.a.contains(&src) && other(dst))
            || (self.direction.receives() && self.a.contains(&dst) && other(src))
    }

    /// Does the fault act on the connections between these hosts at all?
    pub(crate) fn touches(&self, src: u16, dst: u16) -> bool {
        self.sees(src, dst) || self.sees(dst, src)
    }
}

impl Rule {
    pub(crate) fn new(number: u16, fault: &Fault, now: u64, shared: &Rc<Shared>) -> Self {
        Self {
            fault: number,
            kind: fault.kind.clone(),
            scope: Scope::new(&fault.target, &shared.plan.topology),
            injected: now,
            rng: rng::stream(shared.seed, &format!("fault {number} {}", fault.kind.name())),
            shared: Rc::clone(shared),
            cut: BTreeSet::new(),
            carried: BTreeMap::new(),
            resets: BTreeMap::new(),
        }
    }

    /// Does this fault act on existing connections when it is injected? `reset` resets them and
    /// `half_open` cuts them.
    pub(crate) fn meets_connections(&self) -> Option<&Scope> {
        matches!(self.kind, FaultKind::Reset | FaultKind::HalfOpen).then_some(&self.scope)
    }

    /// Tells a fault that [meets connections](Self::meets_connections) which there are; true if
    /// they are to be reset.
    pub(crate) fn meet(&mut self, connections: &[FlowKey]) -> bool {
        if self.kind == FaultKind::Reset {
            self.shared.affect(self.fault, connections.len() as u64);
            return true;
        }
        for key in connections {
            self.cut.insert(*key);
            self.cut.insert(key.reverse());
        }
        false
    }

    /// The connections whose time to be reset has come.
    pub(crate) fn resets_due(&mut self, now: u64) -> Vec<FlowKey> {
        let due: Vec<FlowKey> =
            self.resets.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
        for key in &due {
            self.resets.remove(key);
        }
        due
    }

    /// A connection is opened: what an earlier one of the same ports was due is not this one's.
    pub(crate) fn opens(&mut self, key: FlowKey) {
        for key in [key, key.reverse()] {
            self.cut.remove(&key);
            self.carried.remove(&key);
            self.resets.remove(&key);
        }
    }

    /// How many connections it remembers something of.
    pub(crate) fn remembered(&self) -> usize {
        self.cut.len() + self.carried.len() + self.resets.len()
    }

    /// Forgets the connections that are no more.
    pub(crate) fn forget_ended(&mut self, lives: impl Fn(&FlowKey) -> bool) {
        self.cut.retain(&lives);
        self.carried.retain(|key, _| lives(key));
        self.resets.retain(|key, _| lives(key));
    }

    /// When the next connection is to be reset.
    pub(crate) fn next_reset(&self) -> Option<u64> {
        self.resets.values().copied().min()
    }

    /// Applies the fault to a packet.
    #[expect(
        clippy::collapsible_match,
        reason = "an arm is a kind; one that does not act on this packet is no other kind"
    )]
    pub(crate) fn apply(&mut self, sent: &Sent<'_>, fate: &mut Fate) {
        let Sent { hosts: (src, dst), packet, flow, again, now } = *sent;
        if !self.scope.sees(src, dst) {
            return;
        }
        let tcp = segment(packet);
        let fault = self.fault;
        match self.kind {
            FaultKind::Latency { latency, jitter } => {
                let by = nanos(latency - jitter) + rng::up_to(jitter * 2, &mut self.rng);
                fate.delay(fault, by, Hold::Longer);
            }
            FaultKind::Jitter { jitter } => {
                fate.delay(fault, rng::up_to(jitter, &mut self.rng), Hold::Longer);
            }
            FaultKind::Loss { rate } | FaultKind::Corrupt { rate } => {
                if rng::chance(rate, &mut self.rng) {
                    fate.lose(fault);
                }
            }
            FaultKind::Duplicate { rate } => {
                if rng::chance(rate, &mut self.rng) {
                    fate.twice = true;
                    fate.twice_by.get_or_insert(fault);
                }
            }
            FaultKind::Reorder { rate, by } => {
                if rng::chance(rate, &mut self.rng) {
                    fate.delay(fault, nanos(by), Hold::Late);
                }
            }
            FaultKind::Partition | FaultKind::Blackhole => fate.lose(fault),
            FaultKind::Flap { down, up } => {
                let into = (now - self.injected) % (nanos(down) + nanos(up));
                if into < nanos(down) {
                    fate.lose(fault);
                }
            }
            FaultKind::HalfOpen => {
                if flow.is_some_and(|key| self.cut.contains(&key)) {
                    fate.lose(fault);
                }
            }
            FaultKind::Refuse => {
                if tcp.is_some_and(|s| s.flags.syn && !s.flags.ack) {
                    fate.refused_by.get_or_insert(fault);
                }
            }
            FaultKind::Timeout { timeout } => {
                if !timeout.is_zero() {
                    self.reset_later(flow, now, timeout);
                }
                fate.lose(fault);
            }
            FaultKind::ResetPeer { timeout } => {
                // As with a proxy in between, a connection comes to be before it is reset.
                if tcp.is_some_and(|s| !s.flags.syn && !s.flags.rst) {
                    self.reset_later(flow, now, timeout);
                }
            }
            FaultKind::SlowClose { delay } => {
                if tcp.is_some_and(|s| s.flags.fin) {
                    fate.delay(fault, nanos(delay), Hold::Longer);
                }
            }
            FaultKind::Slicer { average_size, size_variation, delay } => {
                let large = !again && tcp.is_some_and(|s| s.payload.len() > average_size as usize);
                if large {
                    fate.slices = Some(Slices {
                        fault,
                        average: average_size,
                        variation: size_variation,
                        pause: nanos(delay),
                    });
                }
            }
            FaultKind::LimitData { bytes } => {
                let length = tcp.filter(|_| !again).map_or(0, |s| s.payload.len());
                fate.lost |= self.passes_limit(flow, length, bytes, now);
            }
            // Performed where the packet leaves, where the process, the service or the load is, or
            // when it is injected.
            _ => {}
        }
    }

    fn reset_later(&mut self, flow: Option<FlowKey>, now: u64, timeout: Duration) {
        if let Some(key) = flow
            && !self.resets.contains_key(&key.reverse())
        {
            self.resets.entry(key).or_insert(now + nanos(timeout));
        }
    }

    /// Has the flow, with so many bytes more, carried more than it may?
    fn passes_limit(&mut self, flow: Option<FlowKey>, length: usize, limit: u64, now: u64) -> bool {
        let Some(key) = flow else { return false };
        let carried = self.carried.entry(key).or_insert(0);
        let before = *carried;
        *carried += length as u64;
        let passes = *carried > limit;
        if passes && before <= limit {
            self.reset_later(flow, now, Duration::ZERO);
        }
        passes
    }
}

impl Slices {
    /// The length of the next piece of `left` bytes.
    pub(crate) fn next(self, left: usize, rng: &mut ChaCha8Rng) -> usize {
        let least = (self.average - self.variation).max(1);
        let most = self.average + self.variation;
        (rng.random_range(least..=most) as usize).min(left)
    }
}

#[cfg(test)]
mod tests;
