//! One direction of a TCP connection on the wire: order, loss and retransmission.
//!
//! `turmoil-net` counts its retransmissions in passes, not in time, and drops what arrives out of
//! order, so its own are switched off and a flow stands in for both stacks' timers. A segment
//! that is lost comes again after the retransmit timeout, which doubles while nothing gets
//! through; what follows it in the stream waits at the receiver. Segments that were lost behind
//! it come again along with it. A pure acknowledgement is not retransmitted by itself: a later
//! one makes up for it, or the receiver repeats it when its peer's timeout would have asked.

use std::{collections::VecDeque, hash::Hasher};

use turmoil_net::{Packet, TcpSegment, Transport};

/// Linux's `TCP_RTO_MAX`: retransmit timeouts stop doubling here.
const RTO_MAX: u64 = 120_000_000_000;

/// Which flow: hosts by their index, and their ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FlowKey {
    pub(crate) src: u16,
    pub(crate) src_port: u16,
    pub(crate) dst: u16,
    pub(crate) dst_port: u16,
}

impl FlowKey {
    /// The other direction of the same connection.
    pub(crate) fn reverse(self) -> Self {
        Self { src: self.dst, src_port: self.dst_port, dst: self.src, dst_port: self.src_port }
    }
}

/// Hashes flow keys, of which every packet looks one up: they come from the harness itself, so
/// that a hash that withstands chosen keys would protect from nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlowHasher(u64);

impl Hasher for FlowHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u16(u16::from(*byte)));
    }

    fn write_u16(&mut self, part: u16) {
        self.0 = (self.0.rotate_left(16) ^ u64::from(part)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits, which a product mixes least.
        self.0 ^ (self.0 >> 32)
    }
}

/// What the wire needs to know of one flow.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// When the last segment arrives: none may arrive before it.
    last_arrival: u64,
    /// The first of these is lost and waits for its retransmission.
    waiting: VecDeque<Waiting>,
    /// The last pure acknowledgement, if it was lost.
    lost_ack: Option<Packet>,
    newest: Newest,
    /// The retransmit timeout in force.
    timeout: u64,
    /// When the retransmission is due; `None` when nothing is lost.
    pub(crate) retry_at: Option<u64>,
    /// When the sender gives up what waits.
    give_up_at: Option<u64>,
}

#[derive(Debug)]
struct Waiting {
    packet: Packet,
    /// `None` when it is lost.
    arrives: Option<u64>,
}

/// How far the sender has come: the sequence number after the last one it sent, what it
/// acknowledged and the window it offered.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    end: u32,
    ack: u32,
    window: u16,
}

/// How patient the sender of a segment is, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// Until it sends the segment again, for the first time.
    pub(crate) retransmit: u64,
    /// Until it gives the connection up.
    pub(crate) give_up: u64,
}

/// Is this segment nothing but an acknowledgement?
pub(crate) fn is_pure_ack(segment: &TcpSegment) -> bool {
    segment.payload.is_empty() && !segment.flags.syn && !segment.flags.fin && !segment.flags.rst
}

pub(crate) fn segment(packet: &Packet) -> Option<&TcpSegment> {
    match &packet.payload {
        Transport::Tcp(segment) => Some(segment),
        Transport::Udp(_) => None,
    }
}

/// The sequence number after the last one of this segment.
fn end(segment: &TcpSegment) -> u32 {
    let length = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
    let flags = u32::from(segment.flags.syn) + u32::from(segment.flags.fin);
    segment.seq.wrapping_add(length).wrapping_add(flags)
}

impl Flow {
    /// Takes a segment that was sent at `now` and arrives at `arrives`, or is lost. Adds to
    /// `out` what is to be delivered, with its arrival.
    pub(crate) fn send(
        &mut self,
        packet: Packet,
        now: u64,
        arrives: Option<u64>,
        timeouts: Timeouts,
        out: &mut Vec<(u64, Packet)>,
    ) {
        let Some(segment) = segment(&packet) else { return };
        self.newest = Newest { end: end(segment), ack: segment.ack, window: segment.window };
        let pure_ack = is_pure_ack(segment);
        match arrives {
            Some(arrives) if pure_ack || self.waiting.is_empty() => {
                // The stack takes only the acknowledgement of the segment that ends a handshake:
                // if the pure one was lost, it goes ahead of the data.
                let arrives = self.in_order(arrives);
                if let Some(ack) = self.lost_ack.take().filter(|_| !pure_ack) {
                    out.push((arrives, self.refreshed(ack)));
                }
                out.push((arrives, packet));
            }
            None if pure_ack => self.lost_ack = Some(packet),
            arrives => self.waiting.push_back(Waiting { packet, arrives }),
        }
        self.set_timer(now, timeouts);
    }

    /// Takes an acknowledgement that goes ahead of what is under way.
    pub(crate) fn overtake(&mut self, packet: &Packet, now: u64, timeouts: Timeouts) {
        let Some(segment) = segment(packet) else { return };
        self.newest = Newest { end: end(segment), ack: segment.ack, window: segment.window };
        self.lost_ack = None;
        self.set_timer(now, timeouts);
    }

    /// What is lost waits for bandwidth to be sent again: the timer begins from `now` again, and
    /// is not doubled.
    pub(crate) fn wait_for_bandwidth(&mut self, now: u64) {
        self.retry_at = Some(now + self.timeout);
        self.give_up_in_time();
    }

    /// The bytes on the wire of what is to be sent again first.
    pub(crate) fn size_of_first(&self) -> Option<u32> {
        let first = self.waiting.front().map(|waiting| &waiting.packet);
        self.lost_ack.as_ref().or(first).map(Packet::size)
    }

    /// A segment found nobody at its arrival: it is lost after all, and was sent before all
    /// that waits except what came back in the same way.
    pub(crate) fn give_back(&mut self, packet: Packet, now: u64, timeouts: Timeouts) {
        let Some(back) = segment(&packet).map(|segment| segment.seq) else { return };
        if segment(&packet).is_some_and(is_pure_ack) {
            self.lost_ack.get_or_insert(packet);
        } else {
            let later = |waiting: &Waiting| {
                segment(&waiting.packet).is_some_and(|s| s.seq.wrapping_sub(back).cast_signed() > 0)
            };
            let place = self.waiting.iter().position(later).unwrap_or(self.waiting.len());
            self.waiting.insert(place, Waiting { packet, arrives: None });
        }
        self.set_timer(now, timeouts);
    }

    /// What was delivered last will not be acknowledged, because the stack that took it is no
    /// more or its answer was lost: `again`, which carries no sequence number yet, repeats the
    /// last one that was sent.
    pub(crate) fn doubt(&mut self, mut again: Packet, now: u64, timeouts: Timeouts) {
        if !self.waiting.is_empty() {
            return;
        }
        if let Transport::Tcp(segment) = &mut again.payload {
            segment.seq = self.newest.end.wrapping_sub(1);
        }
        self.waiting.push_back(Waiting { packet: again, arrives: None });
        self.set_timer(now, timeouts);
    }

    /// The retransmit timer has run out: everything that is lost is sent again, until something
    /// is lost again. Returns what is to be delivered, with its arrival.
    pub(crate) fn retransmit(
        &mut self,
        now: u64,
        timeouts: Timeouts,
        mut send: impl FnMut(&Packet) -> Option<u64>,
    ) -> Vec<(u64, Packet)> {
        let mut progress = false;
        let mut delivered = Vec::new();
        if let Some(arrives) = self.lost_ack.as_ref().and_then(&mut send)
            && let Some(ack) = self.lost_ack.take()
        {
            progress = true;
            delivered.push((self.in_order(arrives), self.refreshed(ack)));
        }
        if self.lost_ack.is_none() {
            for waiting in self.waiting.iter_mut().filter(|waiting| waiting.arrives.is_none()) {
                waiting.arrives = send(&waiting.packet);
                if waiting.arrives.is_none() {
                    break;
                }
                progress = true;
            }
        }
        while let Some(Waiting { arrives: Some(arrives), .. }) = self.waiting.front() {
            let arrives = self.in_order(*arrives);
            if let Some(Waiting { packet, .. }) = self.waiting.pop_front() {
                delivered.push((arrives, self.refreshed(packet)));
            }
        }
        if progress {
            (self.retry_at, self.give_up_at) = (None, None);
            self.set_timer(now, timeouts);
        } else {
            self.timeout = (self.timeout * 2).min(RTO_MAX);
            self.retry_at = Some(now + self.timeout);
            self.give_up_in_time();
        }
        delivered
    }

    /// The sender has forgotten the connection: nothing will be sent again.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
        self.lost_ack = None;
        (self.retry_at, self.give_up_at) = (None, None);
    }

    /// Is something lost and not yet sent again?
    pub(crate) fn is_stuck(&self) -> bool {
        !self.waiting.is_empty() || self.lost_ack.is_some()
    }

    /// Does anything wait that the sender's connection is needed for?
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Is the sender's patience at its end?
    pub(crate) fn gives_up(&self, now: u64) -> bool {
        self.give_up_at.is_some_and(|at| at <= now)
    }

    /// Is the first thing that waits part of a handshake?
    pub(crate) fn is_connecting(&self) -> bool {
        let first = self.waiting.front().and_then(|waiting| segment(&waiting.packet));
        first.is_some_and(|segment| segment.flags.syn)
    }

    /// When the last segment that was sent so far arrives.
    pub(crate) fn last_arrival(&self) -> u64 {
        self.last_arrival
    }

    /// Has the flow nothing to remember at `now`?
    pub(crate) fn is_idle(&self, now: u64) -> bool {
        !self.is_stuck() && self.last_arrival <= now
    }

    /// Bytes of payload that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.waiting
            .iter()
            .filter_map(|waiting| segment(&waiting.packet))
            .map(|segment| segment.payload.len() as u64)
            .sum()
    }

    /// Starts the timers for what is lost, unless they run already; stops them if nothing is.
    fn set_timer(&mut self, now: u64, timeouts: Timeouts) {
        if !self.is_stuck() {
            (self.retry_at, self.give_up_at) = (None, None);
            return;
        }
        // The first data that waits has a timer of its own; an acknowledgement goes along.
        let first_waits = self.has_waiting() && self.give_up_at.is_none();
        if self.retry_at.is_none() || first_waits {
            self.timeout = timeouts.retransmit;
            self.retry_at = Some(now + timeouts.retransmit);
        }
        if first_waits {
            self.give_up_at = Some(now + timeouts.give_up);
        }
        self.give_up_in_time();
    }

    fn give_up_in_time(&mut self) {
        if let Some(give_up_at) = self.give_up_at {
            self.retry_at = self.retry_at.map(|at| at.min(give_up_at));
        }
    }

    fn in_order(&mut self, arrives: u64) -> u64 {
        self.last_arrival = self.last_arrival.max(arrives);
        self.last_arrival
    }

    /// A retransmission carries the acknowledgement and window of now, not of when it was first
    /// sent: an older window after a newer one would let the peer send too much.
    fn refreshed(&self, mut packet: Packet) -> Packet {
        if let Transport::Tcp(segment) = &mut packet.payload
            && segment.flags.ack
        {
            (segment.ack, segment.window) = (self.newest.ack, self.newest.window);
        }
        packet
    }
}

#[cfg(test)]
mod tests;
