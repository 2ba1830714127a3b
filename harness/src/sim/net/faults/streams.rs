//! The faults of what a connection carries in one direction: its pieces, its length, its end.

use std::{collections::BTreeMap, rc::Rc};

use super::{PacketOutcome, Sent, Slices, memory::Memory, packet_fault::PacketFault};
use crate::sim::{
    acting::Acting,
    net::{packet::Flow, tcp::Segment},
};

/// `slow_close`: the end of a stream comes later.
pub(super) struct SlowClose {
    pub(super) fault: u16,
    /// In nanoseconds.
    pub(super) delay: u64,
    /// When the end of each stream is let through.
    pub(super) ends: BTreeMap<Flow, u64>,
}

impl PacketFault for SlowClose {
    fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        let Some(segment) = sent.packet.segment().filter(|segment| segment.flags.fin) else {
            return;
        };
        match self.ends.get(&sent.packet.flow()) {
            None => {
                self.ends.insert(sent.packet.flow(), sent.now + self.delay);
                outcome.late_end = Some((self.fault, self.delay));
            }
            Some(at) if sent.now < *at => {
                outcome.without_end = true;
                outcome.lost |= segment.payload.is_empty();
            }
            Some(_) => {}
        }
    }

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        Some(&mut self.ends)
    }
}

/// `slicer`: what is sent arrives in pieces, with a pause after each.
pub(super) struct Slicer {
    pub(super) fault: u16,
    pub(super) average: u32,
    pub(super) variation: u32,
    /// In nanoseconds.
    pub(super) pause: u64,
    /// Until when it is busy with each stream.
    pub(super) busy: BTreeMap<Flow, u64>,
}

impl PacketFault for Slicer {
    fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        let segment = sent.packet.segment();
        let Some(segment) = segment.filter(|it| !it.is_pure_ack() && !it.flags.syn) else { return };
        // What comes meanwhile waits behind it.
        let begins = self.busy.get(&sent.packet.flow()).copied().unwrap_or(0).max(sent.now);
        if segment.payload.len() > self.average as usize || begins > sent.now {
            let Self { fault, average, variation, pause, .. } = *self;
            outcome.slices = Some(Slices { fault, begins, average, variation, pause });
        }
    }

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        Some(&mut self.busy)
    }

    fn sliced(&mut self, flow: Flow, until: u64) {
        self.busy.insert(flow, until);
    }
}

/// `limit_data`: a stream carries so many bytes from now on, and ends then.
pub(super) struct LimitData {
    pub(super) fault: u16,
    pub(super) bytes: u64,
    pub(super) effects: Rc<[Acting]>,
    pub(super) limits: BTreeMap<Flow, Limit>,
}

/// Where a stream ends, and whether it has come so far.
pub(super) struct Limit {
    end: u64,
    reached: bool,
}

impl PacketFault for LimitData {
    fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        let segment = sent.packet.segment();
        let of_stream = |it: &&Segment| !it.flags.rst && !it.flags.syn && !it.is_pure_ack();
        let Some(segment) = segment.filter(of_stream) else { return };
        let bytes = self.bytes;
        let limit = self
            .limits
            .entry(sent.packet.flow())
            .or_insert_with(|| Limit { end: segment.seq + bytes, reached: false });
        let end = limit.end;
        if segment.payload.is_empty() {
            // The end of the stream itself.
            outcome.lost |= segment.seq > end;
        } else if segment.seq < end || (bytes == 0 && segment.seq == end) {
            if segment.seq + segment.payload.len() as u64 >= end {
                outcome.ends_at = Some(end);
                if !std::mem::replace(&mut limit.reached, true) {
                    self.effects[usize::from(self.fault)].affect(1);
                }
            }
        } else {
            outcome.lost = true;
        }
    }

    /// Looks for the answer to the end of a stream that its sender knows nothing of.
    fn overhear(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        if let Some(segment) = sent.packet.segment() {
            let end = self.limits.get(&sent.packet.flow().reverse());
            outcome.answers_end |= segment.flags.ack
                && end.is_some_and(|limit| limit.reached && segment.ack > limit.end);
        }
    }

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        Some(&mut self.limits)
    }
}
