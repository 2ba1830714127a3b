//! The faults of the network that act now, and what they do to a packet.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{
    deadlines::{Deadlines, NEVER},
    packet::{Flow, Packet},
    proxy::Severed,
    tcp::Segment,
};
use crate::{
    plan::{Direction, Fault, FaultKind, Target, Topology, nanos},
    run::rng,
    sim::shared::Acting,
};

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
    /// Its stream ends here, though the sender has more to say.
    pub(crate) ends_at: Option<u64>,
    /// It is the answer to such an end, which the sender never sees: its connection is reset.
    pub(crate) answers_end: bool,
    /// The end of the stream comes so much later, because of this fault.
    pub(crate) late_end: Option<(u16, u64)>,
    /// The end of the stream has been seen and is still held up: it does not come along.
    pub(crate) without_end: bool,
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
    pub(crate) now: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slices {
    pub(crate) fault: u16,
    /// When the first piece may leave: after the pieces of what was sent before.
    pub(crate) begins: u64,
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
    effects: Rc<[Acting]>,
    /// The connections that a `half_open` fault cut.
    cut: BTreeSet<Flow>,
    /// Where each stream ends, for `limit_data`.
    limits: BTreeMap<Flow, Limit>,
    /// When the end of each stream is let through, for `slow_close`.
    ends: BTreeMap<Flow, u64>,
    /// When connections are to be severed, by one of their flows.
    severs: Deadlines,
    /// Up to where a `timeout` has swallowed each stream.
    swallowed: BTreeMap<Flow, u64>,
    /// Until when a `slicer` is busy with each stream.
    slicing: BTreeMap<Flow, u64>,
}

/// Where a stream ends, and whether it has come so far.
struct Limit {
    end: u64,
    reached: bool,
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
    pub(crate) fn new(
        number: u16,
        fault: &Fault,
        topology: &Topology,
        (seed, now): (u64, u64),
        effects: &Rc<[Acting]>,
    ) -> Self {
        Self {
            fault: number,
            kind: fault.kind.clone(),
            scope: Scope::new(&fault.target, topology),
            injected: now,
            rng: rng::stream(seed, &format!("fault {number} {}", fault.kind.name())),
            effects: Rc::clone(effects),
            cut: BTreeSet::new(),
            limits: BTreeMap::new(),
            ends: BTreeMap::new(),
            severs: Deadlines::default(),
            swallowed: BTreeMap::new(),
            slicing: BTreeMap::new(),
        }
    }

    fn affect(&self, count: u64) {
        self.effects[usize::from(self.fault)].affect(count);
    }

    /// Tells a fault that begins to act which connections there are. Those that it returns are to
    /// be reset at once.
    pub(crate) fn meet(&mut self, connections: &[Flow], now: u64) -> Vec<Flow> {
        let hosts = |flow: &Flow| Some((flow.src.ip.host()?, flow.dst.ip.host()?));
        let touched = connections
            .iter()
            .copied()
            .filter(|flow| hosts(flow).is_some_and(|(src, dst)| self.scope.touches(src, dst)));
        let touched: Vec<Flow> = touched.collect();
        match self.kind {
            FaultKind::Reset => return touched,
            FaultKind::HalfOpen => {
                self.cut.extend(touched.iter().flat_map(|flow| [*flow, flow.reverse()]));
            }
            // A proxy begins to wait when it is told to.
            FaultKind::Timeout { timeout } => {
                for flow in touched {
                    let seen = hosts(&flow).is_some_and(|(src, dst)| self.scope.sees(src, dst));
                    let flow = if seen { flow } else { flow.reverse() };
                    self.severs.set(flow, closes(timeout, now));
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// The fault ends: the connections that end with it.
    pub(crate) fn end(&mut self) -> Vec<Flow> {
        match self.kind {
            // What Toxiproxy does when the toxic is removed: what it has swallowed is gone.
            FaultKind::Timeout { .. } => self.severs.take(),
            _ => Vec::new(),
        }
    }

    /// How connections that it severs end.
    pub(crate) fn severs_by(&self) -> Severed {
        match self.kind {
            FaultKind::Timeout { .. } => Severed::Closed,
            _ => Severed::Reset,
        }
    }

    /// The connections whose time has come.
    pub(crate) fn severed(&mut self, now: u64) -> Vec<Flow> {
        let due: Vec<Flow> = std::iter::from_fn(|| self.severs.pop(now)).collect();
        if let FaultKind::ResetPeer { .. } = self.kind {
            // Once is enough, whatever its ends sent before they knew.
            due.iter().for_each(|flow| self.severs.set(*flow, NEVER));
        }
        due
    }

    /// A connection is opened: what an earlier one of the same ports was due is not this one's.
    pub(crate) fn opens(&mut self, flow: Flow, hosts: (u16, u16), now: u64) {
        for flow in [flow, flow.reverse()] {
            self.cut.remove(&flow);
            self.limits.remove(&flow);
            self.ends.remove(&flow);
            self.severs.remove(flow);
            self.swallowed.remove(&flow);
            self.slicing.remove(&flow);
        }
        if let FaultKind::Timeout { timeout } = self.kind
            && self.scope.touches(hosts.0, hosts.1)
        {
            let flow = if self.scope.sees(hosts.0, hosts.1) { flow } else { flow.reverse() };
            self.severs.set(flow, closes(timeout, now));
        }
    }

    /// How many connections it remembers something of.
    pub(crate) fn remembered(&self) -> usize {
        self.cut.len()
            + self.limits.len()
            + self.ends.len()
            + self.severs.len()
            + self.slicing.len()
    }

    /// Forgets the connections that are no more.
    pub(crate) fn forget_ended(&mut self, lives: impl Fn(&Flow) -> bool) {
        self.cut.retain(&lives);
        self.limits.retain(|flow, _| lives(flow));
        self.ends.retain(|flow, _| lives(flow));
        self.severs.retain(&lives);
        self.swallowed.retain(|flow, _| lives(flow));
        self.slicing.retain(|flow, _| lives(flow));
    }

    /// When the next connection is to be severed.
    pub(crate) fn next_severed(&self) -> Option<u64> {
        self.severs.next()
    }

    /// Applies the fault to a packet.
    #[expect(
        clippy::collapsible_match,
        reason = "an arm is a kind; one that does not act on this packet is no other kind"
    )]
    pub(crate) fn apply(&mut self, sent: &Sent<'_>, fate: &mut Fate) {
        let Sent { hosts: (src, dst), packet, now } = *sent;
        let tcp = packet.segment();
        if let (FaultKind::LimitData { .. }, Some(tcp)) = (&self.kind, tcp) {
            // The answer to the end of a stream that its sender knows nothing of.
            let end = self.limits.get(&packet.flow().reverse());
            fate.answers_end |=
                tcp.flags.ack && end.is_some_and(|limit| limit.reached && tcp.ack > limit.end);
        }
        if !self.scope.sees(src, dst) {
            return;
        }
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
                if self.cut.contains(&packet.flow()) {
                    fate.lose(fault);
                }
            }
            FaultKind::Refuse => {
                if tcp.is_some_and(|s| s.flags.syn && !s.flags.ack) {
                    fate.refused_by.get_or_insert(fault);
                }
            }
            FaultKind::Timeout { timeout } => {
                // Connections come to be, as with a proxy in between, and nothing passes.
                let Some(tcp) = tcp else { return fate.lose(fault) };
                if !tcp.payload.is_empty() || tcp.flags.fin {
                    // What comes again is nothing new: a proxy has taken it already.
                    let swallowed = self.swallowed.entry(packet.flow()).or_default();
                    if tcp.end() > *swallowed {
                        *swallowed = tcp.end();
                        self.severs.set(packet.flow(), closes(timeout, now));
                    }
                    fate.lose(fault);
                }
            }
            FaultKind::ResetPeer { timeout } => {
                // As with a proxy in between, a connection comes to be before it is reset.
                if tcp.is_some_and(|s| !s.flags.syn && !s.flags.rst) {
                    self.sever_later(packet.flow(), now, timeout);
                }
            }
            FaultKind::SlowClose { delay } => {
                if let Some(tcp) = tcp.filter(|s| s.flags.fin) {
                    match self.ends.get(&packet.flow()) {
                        None => {
                            self.ends.insert(packet.flow(), now + nanos(delay));
                            fate.late_end = Some((fault, nanos(delay)));
                        }
                        Some(at) if now < *at => {
                            fate.without_end = true;
                            fate.lost |= tcp.payload.is_empty();
                        }
                        Some(_) => {}
                    }
                }
            }
            FaultKind::Slicer { average_size, size_variation, delay } => {
                let Some(tcp) = tcp.filter(|s| !s.is_pure_ack() && !s.flags.syn) else { return };
                // What comes meanwhile waits behind it.
                let begins = self.slicing.get(&packet.flow()).copied().unwrap_or(0).max(now);
                if tcp.payload.len() > average_size as usize || begins > now {
                    fate.slices = Some(Slices {
                        fault,
                        begins,
                        average: average_size,
                        variation: size_variation,
                        pause: nanos(delay),
                    });
                }
            }
            FaultKind::LimitData { bytes } => {
                let Some(tcp) = tcp.filter(|s| !s.flags.rst && !s.flags.syn) else { return };
                self.limit(packet.flow(), tcp, bytes, fate);
            }
            // Performed where the packet leaves, where the process, the service or the load is, or
            // when it is injected.
            _ => {}
        }
    }

    /// Lets a stream carry so many bytes from now on, and end then.
    fn limit(&mut self, flow: Flow, tcp: &Segment, bytes: u64, fate: &mut Fate) {
        if tcp.is_pure_ack() {
            return;
        }
        let limit =
            self.limits.entry(flow).or_insert(Limit { end: tcp.seq + bytes, reached: false });
        let end = limit.end;
        if tcp.payload.is_empty() {
            // The end of the stream itself.
            fate.lost |= tcp.seq > end;
        } else if tcp.seq < end || (bytes == 0 && tcp.seq == end) {
            if tcp.seq + tcp.payload.len() as u64 >= end {
                fate.ends_at = Some(end);
                if !std::mem::replace(&mut limit.reached, true) {
                    self.affect(1);
                }
            }
        } else {
            fate.lost = true;
        }
    }

    /// The pieces of a stream have left by then, and the pause after the last of them is over.
    pub(crate) fn sliced(&mut self, flow: Flow, until: u64) {
        self.slicing.insert(flow, until);
    }

    fn sever_later(&mut self, flow: Flow, now: u64, timeout: Duration) {
        if !self.severs.has(flow) && !self.severs.has(flow.reverse()) {
            self.severs.set(flow, now + nanos(timeout));
        }
    }
}

/// When a `timeout` closes a connection: with zero, only at its heal.
fn closes(timeout: Duration, now: u64) -> u64 {
    if timeout.is_zero() { NEVER } else { now + nanos(timeout) }
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
