//! What a fault of the network can do while it acts.

use super::{memory::Memory, outcome::PacketOutcome};
use crate::sim::net::{
    packet::{Flow, Packet},
    severed::Severed,
};

/// A packet that is sent.
pub(crate) struct Sent<'a> {
    pub(crate) hosts: (u16, u16),
    pub(crate) packet: &'a Packet,
    pub(crate) now: u64,
}

/// A fault of the network at work. Most only look at each packet by itself: a closure is one of
/// them.
pub(super) trait PacketFault {
    /// Says what the fault wants of a packet that it sees.
    fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome);

    /// What it remembers of connections, if anything.
    fn memory(&mut self) -> Option<&mut dyn Memory>;

    /// Says what it wants of any packet, also of one that it does not act on.
    fn overhear(&mut self, _sent: &Sent<'_>, _fate: &mut PacketOutcome) {}

    /// Does it reset the connections that there are when it is injected?
    fn resets_at_once(&self) -> bool {
        false
    }

    /// There is this connection when it is injected, in the direction that it sees.
    fn meet(&mut self, _seen: Flow, _now: u64) {}

    /// A connection is opened, which it sees in this direction.
    fn opened(&mut self, _seen: Flow, _now: u64) {}

    /// The pieces of a stream, into which it has cut it, have left by then, and the pause after the
    /// last of them is over.
    fn sliced(&mut self, _flow: Flow, _until: u64) {}

    /// When it is to sever a connection next.
    fn next_severed(&self) -> Option<u64> {
        None
    }

    /// The connections whose time has come.
    fn severed(&mut self, _now: u64) -> Vec<(Flow, Severed)> {
        Vec::new()
    }

    /// The fault ends: the connections that end with it.
    fn end(&mut self) -> Vec<(Flow, Severed)> {
        Vec::new()
    }
}

impl<F: FnMut(&Sent<'_>, &mut PacketOutcome)> PacketFault for F {
    fn apply(&mut self, sent: &Sent<'_>, outcome: &mut PacketOutcome) {
        self(sent, outcome);
    }

    fn memory(&mut self) -> Option<&mut dyn Memory> {
        None
    }
}
