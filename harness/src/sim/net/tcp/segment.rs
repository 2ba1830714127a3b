//! A segment between two stacks.

use bytes::Bytes;

use super::{HEADER, Nanos};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) syn: bool,
    pub(crate) ack: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    pub(crate) seq: u64,
    /// Means something with the flag.
    pub(crate) ack: u64,
    pub(crate) flags: Flags,
    /// In bytes: scaled, except in a SYN.
    pub(crate) window: u64,
    /// When it was sent, and what the peer's last one said of that (RFC 7323).
    pub(crate) sent_at: Nanos,
    pub(crate) echo: Option<Nanos>,
    /// Blocks that have arrived out of order (RFC 2018).
    pub(crate) sack: Vec<(u64, u64)>,
    /// The largest segment that the sender takes, in a SYN.
    pub(crate) mss: u32,
    pub(crate) payload: Bytes,
}

impl Segment {
    /// The sequence number after the last one of this segment.
    pub(crate) fn end(&self) -> u64 {
        self.seq + self.payload.len() as u64 + u64::from(self.flags.syn) + u64::from(self.flags.fin)
    }

    /// Nothing but an acknowledgement.
    pub(crate) fn is_pure_ack(&self) -> bool {
        self.payload.is_empty() && !self.flags.syn && !self.flags.fin && !self.flags.rst
    }

    /// Bytes on the wire, with headers.
    pub(crate) fn size(&self) -> u32 {
        let payload = u32::try_from(self.payload.len()).unwrap_or(u32::MAX / 2);
        let blocks = u32::try_from(self.sack.len()).unwrap_or(4) * 8;
        let options = if self.flags.syn {
            8
        } else if blocks > 0 {
            4 + blocks
        } else {
            0
        };
        HEADER + options + payload
    }

    /// The reset that answers a segment which nobody expects (RFC 9293, 3.10.7.1).
    pub(crate) fn refusal(&self) -> Self {
        if self.flags.ack {
            Self {
                seq: self.ack,
                flags: Flags { rst: true, ..Flags::default() },
                ..Self::default()
            }
        } else {
            Self {
                ack: self.end(),
                flags: Flags { rst: true, ack: true, ..Flags::default() },
                ..Self::default()
            }
        }
    }
}
