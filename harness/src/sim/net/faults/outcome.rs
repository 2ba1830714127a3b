//! What the acting faults want of one packet.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What the acting faults want of one packet. What they have done to it is counted once it is
/// known what becomes of the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PacketOutcome {
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

/// How a packet is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slices {
    pub(crate) fault: u16,
    /// When the first piece may leave: after the pieces of what was sent before.
    pub(crate) begins: u64,
    pub(crate) average: u32,
    pub(crate) variation: u32,
    pub(crate) pause: u64,
}

impl PacketOutcome {
    /// A fault loses the packet, unless another one has.
    pub(super) fn lose(&mut self, fault: u16) {
        if !self.lost {
            self.lost_by = Some(fault);
        }
        self.lost = true;
    }

    pub(super) fn delay(&mut self, fault: u16, by: u64, how: Hold) {
        if by > 0 {
            self.delays.push(Delay { fault, by, how });
        }
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
