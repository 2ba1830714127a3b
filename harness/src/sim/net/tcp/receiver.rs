//! The receiving half of a connection: putting the stream together, the window that is offered, and
//! when what has arrived is acknowledged.
//!
//! The window grows with what the application reads in a round trip (Linux's dynamic right-sizing,
//! `tcp_rcv_space_adjust`). Acknowledgements are delayed by RFC 1122 in Linux's way: at once for the
//! first segments and out of order, every second full segment, and otherwise with the next answer
//! or after 40 ms and more.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::io::ReadBuf;

use super::{Config, KEPT, MILLISECOND, Nanos, Ticks};

/// `TCP_DELACK_MIN` and `TCP_ATO_MIN`.
const DELAY_MIN: Nanos = 40 * MILLISECOND;
/// `TCP_DELACK_MAX`.
const DELAY_MAX: Nanos = 200 * MILLISECOND;
/// `TCP_MAX_QUICKACKS`.
const QUICK_MAX: u64 = 16;
/// A SYN offers what fits into 16 bits, in whole segments.
pub(super) const WINDOW_FIRST: u64 = 65_535;
/// As many blocks fit beside a timestamp (RFC 2018).
const BLOCKS_MAX: usize = 3;
/// A third of the memory that a segment takes up is not its content.
const WINDOW_SHARE: (u64, u64) = (5, 8);

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// What is expected next.
    pub(super) nxt: u64,
    /// What was expected when the window was last offered, and that window.
    wup: u64,
    wnd: u64,
    mss: u64,
    queue: VecDeque<Bytes>,
    queued: u64,
    /// What the application has taken.
    copied: u64,
    ahead: BTreeMap<u64, Bytes>,
    ahead_bytes: u64,
    /// The end of the stream, where it was announced.
    fin_at: Option<u64>,
    /// The stream has come to its end.
    pub(super) finished: bool,
    /// The blocks of what is ahead, the one that changed last first.
    blocks: Vec<(u64, u64)>,
    duplicate: Option<(u64, u64)>,
    /// The timestamp that is sent back (RFC 7323).
    pub(super) echo: Option<Nanos>,
    acks: Acks,
    ticks: Ticks,
    space: Space,
}

/// When to acknowledge.
#[derive(Debug)]
struct Acks {
    /// Something is to be acknowledged.
    pending: bool,
    /// So many acknowledgements are sent at once.
    quick: u64,
    /// Answers follow requests, so that acknowledgements can go with them.
    interactive: bool,
    /// How long to wait.
    delay: Nanos,
    last_received: Option<Nanos>,
    /// The size of a full segment of the peer, as far as it is known.
    segment: u64,
    /// Small segments have arrived: the reader's progress acknowledges them.
    pushed: u8,
    timer: Option<Nanos>,
}

/// How large the window may be.
#[derive(Debug)]
struct Space {
    capacity: u64,
    capacity_max: u64,
    fixed: bool,
    rtt_8: u64,
    last_echo: Option<Nanos>,
    measured_at: Nanos,
    measured_from: u64,
    per_round: u64,
}

/// What a segment has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// There is something new to read.
    pub(crate) readable: bool,
    /// It is to be acknowledged at once.
    pub(crate) acknowledge: bool,
}

impl Receiver {
    /// Expects a stream that begins after `irs`.
    pub(crate) fn new(config: &Config, irs: u64, mss: u32) -> Self {
        let nxt = irs + 1;
        let mss = u64::from(mss);
        let (numerator, denominator) = WINDOW_SHARE;
        let capacity = config.rmem[1] / 2;
        Self {
            nxt,
            wup: nxt,
            wnd: first_window(capacity, mss),
            mss,
            queue: VecDeque::new(),
            queued: 0,
            copied: nxt,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            fin_at: None,
            finished: false,
            blocks: Vec::new(),
            duplicate: None,
            echo: None,
            acks: Acks {
                pending: false,
                quick: 0,
                interactive: false,
                delay: 0,
                last_received: None,
                segment: mss.min(536),
                pushed: 0,
                timer: None,
            },
            ticks: Ticks::new(config.hz, irs),
            space: Space {
                capacity,
                capacity_max: (config.rmem[2] * numerator / denominator).max(capacity),
                fixed: false,
                rtt_8: 0,
                last_echo: None,
                measured_at: 0,
                measured_from: nxt,
                per_round: (10 * mss).min(first_window(capacity, mss)),
            },
        }
    }

    /// Sets the size of the buffer, of which half is window.
    pub(crate) fn set_buffer(&mut self, bytes: u64) {
        self.space.capacity = (bytes / 2).max(self.mss);
        self.space.fixed = true;
    }

    pub(crate) fn buffer(&self) -> u64 {
        self.space.capacity * 2
    }

    /// Is there something to read?
    pub(crate) fn readable_bytes(&self) -> usize {
        usize::try_from(self.queued).unwrap_or(usize::MAX)
    }

    pub(crate) fn has_data(&self) -> bool {
        self.queued > 0
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.queued + self.ahead_bytes
    }

    /// The window that is still open, as the peer was told.
    pub(super) fn open_window(&self) -> u64 {
        (self.wup + self.wnd).saturating_sub(self.nxt)
    }

    /// Does a segment lie within the window, at least in part (RFC 9293, 3.10.7.4)?
    pub(crate) fn accepts(&self, seq: u64, end: u64) -> bool {
        end >= self.wup && seq <= self.nxt + self.open_window()
    }

    /// Takes the content of a segment.
    pub(crate) fn receive(
        &mut self,
        seq: u64,
        payload: &Bytes,
        fin: bool,
        echo: Option<Nanos>,
        now: Nanos,
    ) -> Received {
        let mut received = Received::default();
        let end = seq + payload.len() as u64;
        if fin {
            self.fin_at.get_or_insert(end);
        }
        let all = end + u64::from(fin);
        if all <= self.nxt {
            // It was a duplicate: its sender learns of it (RFC 2883).
            self.duplicate = Some((seq, all));
            self.quicken();
            received.acknowledge = true;
            return received;
        }
        if seq > self.nxt {
            if end > self.nxt + self.open_window() {
                received.acknowledge = true;
                return received;
            }
            self.keep_ahead(seq, payload);
            self.note_block(seq, all);
            self.acks.pending = true;
            received.acknowledge = true;
            return received;
        }
        if self.open_window() == 0 && !payload.is_empty() {
            received.acknowledge = true;
            return received;
        }
        self.measure_rtt(payload.len() as u64, echo, now);
        self.measure_segment(payload.len() as u64, now);
        let filled_gap = !self.ahead.is_empty();
        if seq < self.nxt {
            self.duplicate = Some((seq, self.nxt));
            let cut = usize::try_from(self.nxt - seq).unwrap_or(usize::MAX);
            self.append(payload.slice(cut.min(payload.len())..));
        } else {
            self.append(payload.clone());
        }
        self.take_from_ahead();
        if self.fin_at == Some(self.nxt) {
            self.nxt += 1;
            self.finished = true;
            self.blocks.clear();
            self.acks.quick = self.acks.quick.max(1);
            received.acknowledge = true;
        }
        received.readable = true;
        self.acks.pending = true;
        received.acknowledge |= filled_gap || self.is_due();
        received
    }

    fn append(&mut self, bytes: Bytes) {
        self.nxt += bytes.len() as u64;
        self.queued += bytes.len() as u64;
        if !bytes.is_empty() {
            self.queue.push_back(bytes);
        }
    }

    /// Keeps what came too early. Of what is there already it keeps only what is not.
    fn keep_ahead(&mut self, seq: u64, payload: &Bytes) {
        let end = seq + payload.len() as u64;
        let mut from = seq;
        let mut overlapped = false;
        while from < end {
            let before = self.ahead.range(..=from).next_back();
            let known = before.map(|(at, bytes)| at + bytes.len() as u64).filter(|to| *to > from);
            if let Some(known) = known {
                overlapped = true;
                from = known;
                continue;
            }
            let next = self.ahead.range(from..).next().map_or(end, |(at, _)| (*at).min(end));
            let place = |at: u64| usize::try_from(at - seq).unwrap_or(usize::MAX);
            self.ahead.insert(from, payload.slice(place(from)..place(next)));
            self.ahead_bytes += next - from;
            from = next;
        }
        if overlapped {
            self.duplicate = Some((seq, end));
        }
    }

    fn note_block(&mut self, from: u64, to: u64) {
        let mut block = (from, to);
        self.blocks.retain(|known| {
            let touches = known.0 <= block.1 && block.0 <= known.1;
            if touches {
                block = (block.0.min(known.0), block.1.max(known.1));
            }
            !touches
        });
        self.blocks.insert(0, block);
    }

    fn take_from_ahead(&mut self) {
        if self.ahead.is_empty() {
            return;
        }
        while let Some(entry) = self.ahead.first_entry()
            && *entry.key() <= self.nxt
        {
            let (at, bytes) = entry.remove_entry();
            self.ahead_bytes -= bytes.len() as u64;
            let known = usize::try_from(self.nxt - at).unwrap_or(usize::MAX);
            if known < bytes.len() {
                self.append(bytes.slice(known..));
            }
        }
        let nxt = self.nxt;
        self.blocks.retain(|(_, to)| *to > nxt);
    }

    fn measure_segment(&mut self, length: u64, now: Nanos) {
        let acks = &mut self.acks;
        if length == 0 {
            return;
        }
        if length >= acks.segment {
            acks.segment = length.min(self.mss);
        } else {
            acks.pushed = (acks.pushed + 1).min(2);
        }
        match acks.last_received {
            None => {
                acks.quick = quick(self.wnd, acks.segment);
                acks.delay = DELAY_MIN;
            }
            Some(last) => {
                let gap = now.saturating_sub(last);
                if gap <= DELAY_MIN / 2 {
                    acks.delay = acks.delay / 2 + DELAY_MIN / 2;
                } else if gap < acks.delay {
                    acks.delay = (acks.delay / 2 + gap).min(DELAY_MAX);
                } else if gap > super::SECOND / 5 {
                    // The sender may have begun again with a small window.
                    acks.quick = acks.quick.max(quick(self.wnd, acks.segment));
                }
            }
        }
        acks.last_received = Some(now);
    }

    /// What arrives next is acknowledged at once.
    fn quicken(&mut self) {
        self.acks.quick = self.acks.quick.max(quick(self.wnd, self.acks.segment));
        self.acks.interactive = false;
        self.acks.delay = DELAY_MIN;
    }

    /// Is what has arrived to be acknowledged now (`__tcp_ack_snd_check`)?
    fn is_due(&self) -> bool {
        let acks = &self.acks;
        let unacknowledged = self.nxt - self.wup;
        (unacknowledged > acks.segment && self.offer() >= self.open_window())
            || (acks.quick > 0 && !acks.interactive)
            || self.duplicate.is_some()
    }

    /// The acknowledgement waits for something to go with, until its timer runs out.
    pub(crate) fn delay_ack(&mut self, srtt: Option<Nanos>, now: Nanos) {
        let mut delay = self.acks.delay.max(DELAY_MIN);
        if delay > DELAY_MIN {
            let most = if self.acks.interactive || self.acks.pushed > 0 {
                DELAY_MAX
            } else {
                super::SECOND / 2
            };
            let most = srtt.map_or(most, |srtt| srtt.max(DELAY_MIN).min(most));
            delay = delay.min(most);
        }
        let at = self.ticks.fires(now, now + delay);
        self.acks.timer = Some(self.acks.timer.map_or(at, |timer| timer.min(at)));
    }

    /// When a delayed acknowledgement is to be sent.
    pub(crate) fn ack_timer(&self) -> Option<Nanos> {
        self.acks.timer
    }

    /// The delayed acknowledgement was not taken along.
    pub(crate) fn ack_timed_out(&mut self, rto: Nanos) -> bool {
        self.acks.timer = None;
        if !self.acks.pending {
            return false;
        }
        if self.acks.interactive {
            self.acks.interactive = false;
            self.acks.delay = DELAY_MIN;
        } else {
            self.acks.delay = (self.acks.delay * 2).min(rto);
        }
        true
    }

    /// Data is sent: an answer, if something has just arrived.
    pub(crate) fn data_sent(&mut self, now: Nanos) {
        let acks = &mut self.acks;
        if acks.last_received.is_some_and(|last| now.saturating_sub(last) < acks.delay) {
            acks.interactive = true;
        }
    }

    /// A segment leaves that acknowledges everything: returns the window that it offers.
    pub(crate) fn acknowledge(&mut self) -> u64 {
        let open = self.open_window();
        self.wnd = self.offer().max(open);
        self.wup = self.nxt;
        let acks = &mut self.acks;
        acks.pending = false;
        acks.timer = None;
        acks.pushed = 0;
        acks.quick = acks.quick.saturating_sub(1);
        self.wnd
    }

    /// The blocks that the next acknowledgement carries, the first of them a duplicate if
    /// there was one.
    pub(crate) fn take_blocks(&mut self) -> Vec<(u64, u64)> {
        let mut blocks: Vec<(u64, u64)> = self.duplicate.take().into_iter().collect();
        blocks.extend(self.blocks.iter().take(BLOCKS_MAX));
        blocks
    }

    pub(crate) fn has_blocks(&self) -> bool {
        self.duplicate.is_some() || !self.blocks.is_empty()
    }

    /// The window that could be offered now (`__tcp_select_window`).
    fn offer(&self) -> u64 {
        let Space { capacity, .. } = self.space;
        let free = capacity.saturating_sub(self.bytes());
        let segment = self.acks.segment.min(capacity);
        if free < capacity / 2 && (free < capacity / 16 || free < segment) {
            return 0;
        }
        free
    }

    /// Hands out what has arrived; `peek` leaves it there. True if the peer is to be told of a
    /// larger window, or of what it has sent.
    pub(crate) fn read(&mut self, buf: &mut ReadBuf<'_>, peek: bool, now: Nanos) -> bool {
        if peek {
            for bytes in &self.queue {
                let part = bytes.len().min(buf.remaining());
                buf.put_slice(&bytes[..part]);
                if buf.remaining() == 0 {
                    break;
                }
            }
            return false;
        }
        let before = self.queued;
        while buf.remaining() > 0
            && let Some(front) = self.queue.front_mut()
        {
            let part = front.len().min(buf.remaining());
            buf.put_slice(&front[..part]);
            if part == front.len() {
                self.queue.pop_front();
            } else {
                let _ = front.split_to(part);
            }
            self.queued -= part as u64;
        }
        if self.queue.is_empty() {
            // What comes next takes the first place again, which is in the processor's cache.
            self.queue.clear();
            self.queue.shrink_to(KEPT);
        }
        let taken = before - self.queued;
        if taken == 0 {
            return false;
        }
        self.copied += taken;
        self.adjust_space(now);
        self.is_news(taken)
    }

    /// Is the reader's progress to be told (`tcp_cleanup_rbuf`)?
    fn is_news(&mut self, taken: u64) -> bool {
        let acks = &self.acks;
        if acks.pending {
            let pushed = acks.pushed > 1 || (acks.pushed > 0 && !acks.interactive);
            if self.nxt - self.wup > acks.segment || (taken > 0 && pushed && self.queued == 0) {
                return true;
            }
        }
        if self.finished {
            return false;
        }
        let open = self.open_window();
        if 2 * open > self.space.capacity {
            return false;
        }
        let offer = self.offer();
        offer > 0 && offer >= 2 * open
    }

    /// Drops everything that nobody has read. True if there was something.
    pub(crate) fn discard(&mut self) -> bool {
        let unread = self.queued > 0;
        self.queue.clear();
        self.queued = 0;
        self.ahead.clear();
        self.ahead_bytes = 0;
        self.blocks.clear();
        unread
    }

    fn measure_rtt(&mut self, length: u64, echo: Option<Nanos>, now: Nanos) {
        let space = &mut self.space;
        let Some(echo) = echo.filter(|echo| Some(*echo) != space.last_echo) else { return };
        if length < self.acks.segment {
            return;
        }
        space.last_echo = Some(echo);
        let sample = now.saturating_sub(echo).max(1);
        space.rtt_8 =
            if space.rtt_8 == 0 { sample * 8 } else { space.rtt_8 - space.rtt_8 / 8 + sample };
    }

    /// Dynamic right-sizing: room for twice of what is read in a round trip, and for its growth.
    fn adjust_space(&mut self, now: Nanos) {
        let space = &mut self.space;
        let rtt = space.rtt_8 / 8;
        if rtt == 0 || now.saturating_sub(space.measured_at) < rtt {
            return;
        }
        let copied = self.copied - space.measured_from;
        if copied > space.per_round {
            if !space.fixed {
                let wanted = 2 * copied + 16 * self.mss;
                let growth = u128::from(wanted) * u128::from(copied - space.per_round)
                    / u128::from(space.per_round.max(1));
                let wanted = u128::from(wanted) + 2 * growth;
                let wanted = u64::try_from(wanted).unwrap_or(u64::MAX).min(space.capacity_max);
                space.capacity = space.capacity.max(wanted);
            }
            space.per_round = copied;
        }
        space.measured_from = self.copied;
        space.measured_at = now;
    }
}

fn first_window(capacity: u64, mss: u64) -> u64 {
    let window = capacity.min(WINDOW_FIRST);
    if window > mss { window / mss * mss } else { window }
}

fn quick(window: u64, segment: u64) -> u64 {
    (window / (2 * segment.max(1))).clamp(2, QUICK_MAX)
}
