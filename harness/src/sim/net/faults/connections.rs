//! The faults of connections as a whole: those that cut or reset them.

use std::collections::{BTreeMap, BTreeSet};

use super::{PacketOutcome, Sent, memory::Memory, packet_fault::PacketFault};
use crate::sim::net::{
    deadlines::{Deadlines, NEVER},
    packet::Flow,
    severed::Severed,
};

/// `reset`: all that there is to do is done when it is injected.
pub(super) struct Reset;

impl PacketFault for Reset {
    fn apply(&mut self, _sent: &Sent<'_>, _fate: &mut PacketOutcome) {}

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        None
    }

    fn resets_at_once(&self) -> bool {
        true
    }
}

/// `half_open`: the connections that it has met vanish.
pub(super) struct HalfOpen {
    pub(super) fault: u16,
    /// Both directions of the connections that it cuts.
    pub(super) cut: BTreeSet<Flow>,
}

impl PacketFault for HalfOpen {
    fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        if self.cut.contains(&sent.packet.flow()) {
            outcome.lose(self.fault);
        }
    }

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        Some(&mut self.cut)
    }

    fn meet(&mut self, seen: Flow, _now: u64) {
        self.cut.extend([seen, seen.reverse()]);
    }
}

/// `reset_peer`: a connection is reset a while after the first packet that the fault sees.
pub(super) struct ResetPeer {
    /// In nanoseconds.
    pub(super) timeout: u64,
    pub(super) severs: Deadlines,
}

impl PacketFault for ResetPeer {
    fn apply(&mut self, sent: &Sent<'_>, _fate: &mut PacketOutcome) {
        // As with a proxy in between, a connection comes to be before it is reset.
        if sent.packet.segment().is_some_and(|segment| !segment.flags.syn && !segment.flags.rst) {
            let flow = sent.packet.flow();
            if !self.severs.has(flow) && !self.severs.has(flow.reverse()) {
                self.severs.set(flow, sent.now + self.timeout);
            }
        }
    }

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        Some(&mut self.severs)
    }

    fn next_severed(&self) -> Option<u64> {
        self.severs.next()
    }

    fn severed(&mut self, now: u64) -> Vec<(Flow, Severed)> {
        let due: Vec<Flow> = std::iter::from_fn(|| self.severs.pop(now)).collect();
        // Once is enough, whatever its ends sent before they knew.
        due.iter().for_each(|flow| self.severs.set(*flow, NEVER));
        due.into_iter().map(|flow| (flow, Severed::Reset)).collect()
    }
}

/// `timeout`: data vanishes, and a connection is closed a while after the last that did.
pub(super) struct Timeout {
    pub(super) fault: u16,
    /// In nanoseconds; zero for the heal.
    pub(super) timeout: u64,
    pub(super) severs: Deadlines,
    /// Up to where it has swallowed each stream, which it is to sever.
    pub(super) swallowed: BTreeMap<Flow, u64>,
}

impl Timeout {
    fn wait(&mut self, flow: Flow, now: u64) {
        let closes = if self.timeout == 0 { NEVER } else { now + self.timeout };
        self.severs.set(flow, closes);
    }
}

impl PacketFault for Timeout {
    fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        // Connections come to be, as with a proxy in between, and nothing passes.
        let Some(segment) = sent.packet.segment() else { return outcome.lose(self.fault) };
        if segment.payload.is_empty() && !segment.flags.fin {
            return;
        }
        // What comes again is nothing new: a proxy has taken it already.
        let flow = sent.packet.flow();
        let swallowed = self.swallowed.entry(flow).or_default();
        if segment.end() > *swallowed {
            *swallowed = segment.end();
            self.wait(flow, sent.now);
        }
        outcome.lose(self.fault);
    }

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        Some(self)
    }

    /// A proxy begins to wait when it is told to.
    fn meet(&mut self, seen: Flow, now: u64) {
        self.wait(seen, now);
    }

    fn opened(&mut self, seen: Flow, now: u64) {
        self.wait(seen, now);
    }

    fn next_severed(&self) -> Option<u64> {
        self.severs.next()
    }

    fn severed(&mut self, now: u64) -> Vec<(Flow, Severed)> {
        std::iter::from_fn(|| self.severs.pop(now)).map(|flow| (flow, Severed::Closed)).collect()
    }

    /// What Toxiproxy does when the toxic is removed: what it has swallowed is gone.
    fn end(&mut self) -> Vec<(Flow, Severed)> {
        self.severs.take().into_iter().map(|flow| (flow, Severed::Closed)).collect()
    }
}

impl Memory for Timeout {
    fn forget(&mut self, flow: Flow) {
        self.severs.forget(flow);
        self.swallowed.forget(flow);
    }

    fn retain(&mut self, lives: &dyn Fn(&Flow) -> bool) {
        Memory::retain(&mut self.severs, lives);
        Memory::retain(&mut self.swallowed, lives);
    }

    fn len(&self) -> usize {
        self.severs.len().max(self.swallowed.len())
    }
}
