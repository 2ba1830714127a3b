//! One direction of a TCP connection on the wire: order, loss and retransmission.
//!
//! `turmoil-net` counts its retransmissions in passes, not in time, and drops what arrives out of
//! order, so its own are switched off and a flow stands in for both stacks' timers. A segment
//! that is lost comes again after the retransmit timeout, which doubles while nothing gets
//! through; what follows it in the stream waits at the receiver. Segments that were lost behind
//! it come again along with it. A pure acknowledgement is not retransmitted by itself: a later
//! one makes up for it, or the receiver repeats it when its peer's timeout would have asked.

use std::collections::VecDeque;

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

/// What the wire needs to know of one flow.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// When the last segment arrives: none may arrive before it.
    last_arrival: u64,
    /// The first of these is lost and waits for its retransmission.
    waiting: VecDeque<Waiting>,
    /// The last pure acknowledgement, if it was lost.
    lost_ack: Option<Packet>,
    /// What the sender last acknowledged and the window it last offered.
    newest: (u32, u16),
    /// The retransmit timeout in force.
    timeout: u64,
    /// When the retransmission is due; `None` when nothing is lost.
    pub(crate) retry_at: Option<u64>,
    /// Since when nothing got through.
    stuck_since: u64,
}

#[derive(Debug)]
struct Waiting {
    packet: Packet,
    /// `None` when it is lost.
    arrives: Option<u64>,
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

impl Flow {
    /// Takes a segment that was sent at `now` and arrives at `arrives`, or is lost. Returns it,
    /// with its arrival, if it is to be delivered.
    pub(crate) fn send(
        &mut self,
        packet: Packet,
        now: u64,
        arrives: Option<u64>,
        timeout: u64,
    ) -> Option<(u64, Packet)> {
        let segment = segment(&packet)?;
        self.newest = (segment.ack, segment.window);
        let pure_ack = is_pure_ack(segment);
        match arrives {
            Some(arrives) if pure_ack || self.waiting.is_empty() => {
                self.lost_ack = None;
                if self.waiting.is_empty() {
                    self.retry_at = None;
                }
                Some((self.in_order(arrives), packet))
            }
            None if pure_ack => {
                self.lost_ack = Some(packet);
                self.arm(now, timeout);
                None
            }
            arrives => {
                self.waiting.push_back(Waiting { packet, arrives });
                self.arm(now, timeout);
                None
            }
        }
    }

    /// A segment found nobody at its arrival: it is lost after all, and was sent before all
    /// that waits except what came back in the same way.
    pub(crate) fn give_back(&mut self, packet: Packet, now: u64, timeout: u64) {
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
        self.arm(now, timeout);
    }

    /// The retransmit timer has run out: everything that is lost is sent again, until something
    /// is lost again. Returns what is to be delivered, with its arrival.
    pub(crate) fn retransmit(
        &mut self,
        now: u64,
        timeout: u64,
        mut send: impl FnMut(&Packet) -> Option<u64>,
    ) -> Vec<(u64, Packet)> {
        self.retry_at = None;
        let mut progress = false;
        let mut delivered = Vec::new();
        if let Some(ack) = self.lost_ack.take() {
            match send(&ack) {
                Some(arrives) => {
                    progress = true;
                    delivered.push((self.in_order(arrives), self.refreshed(ack)));
                }
                None => self.lost_ack = Some(ack),
            }
        }
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.arrives.is_none()) {
            waiting.arrives = send(&waiting.packet);
            if waiting.arrives.is_none() {
                break;
            }
            progress = true;
        }
        while let Some(Waiting { arrives: Some(arrives), .. }) = self.waiting.front() {
            let arrives = self.in_order(*arrives);
            if let Some(Waiting { packet, .. }) = self.waiting.pop_front() {
                delivered.push((arrives, self.refreshed(packet)));
            }
        }
        if self.is_stuck() {
            if progress {
                self.arm(now, timeout);
            } else {
                self.timeout = (self.timeout * 2).min(RTO_MAX);
                self.retry_at = Some(now + self.timeout);
            }
        }
        delivered
    }

    /// The sender has forgotten the connection: nothing will be sent again.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
        self.lost_ack = None;
        self.retry_at = None;
    }

    /// Is something lost and not yet sent again?
    pub(crate) fn is_stuck(&self) -> bool {
        !self.waiting.is_empty() || self.lost_ack.is_some()
    }

    /// Does data wait, and since when has nothing got through?
    pub(crate) fn stuck_since(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.stuck_since)
    }

    /// Is the first thing that waits a connection attempt?
    pub(crate) fn is_connecting(&self) -> bool {
        let first = self.waiting.front().and_then(|waiting| segment(&waiting.packet));
        first.is_some_and(|segment| segment.flags.syn && !segment.flags.ack)
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

    fn arm(&mut self, now: u64, timeout: u64) {
        if self.retry_at.is_none() {
            self.timeout = timeout;
            self.stuck_since = now;
            self.retry_at = Some(now + timeout);
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
            (segment.ack, segment.window) = self.newest;
        }
        packet
    }
}
