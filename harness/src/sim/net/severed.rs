//! How a fault ends a connection in between, and what is answered in the place of its ends.

use super::packet::{Body, Packet};
use super::tcp::Segment;

/// How a connection ends in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severed {
    /// With a reset at both ends.
    Reset,
    /// With the end of the stream at both ends.
    Closed,
}

/// What the proxy's kernel answers to a segment for a connection that it has closed.
pub(super) fn answer(packet: &Packet) -> Option<Packet> {
    let segment =
        packet.segment().filter(|segment| !segment.flags.rst && !segment.is_pure_ack())?;
    Some(reset(packet, segment))
}

/// A reset from the one that `packet` was for.
pub(super) fn reset(packet: &Packet, segment: &Segment) -> Packet {
    packet.answer(Body::Tcp(segment.refusal()))
}
