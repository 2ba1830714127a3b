//! The sending half of a connection: what is to be sent, what of it may be sent now, and the timers
//! that see to it that it arrives.
//!
//! What an acknowledgement means for lost segments is in [`recovery`](super::recovery).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{
    Config, KEPT, MILLISECOND, Nanos, Ticks, ca_state::CaState, congestion::Congestion, rack::Rack,
    rate::Meter, rtt::Rtt, scoreboard::Scoreboard,
};

/// Not limited: the threshold of slow start before the first loss.
pub(super) const INFINITE: u32 = u32::MAX / 2;

/// The least that a timer for a lost segment waits beyond what was worked out
/// (`TCP_TIMEOUT_MIN`).
pub(super) const TIMEOUT_MIN: Nanos = 2 * MILLISECOND;

/// A segment that is to be sent, without what the other half says.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) seq: u64,
    pub(crate) payload: Bytes,
    pub(crate) fin: bool,
}

/// What the retransmission timer waits for. A connection has one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Retransmit,
    /// The tail loss probe.
    LossProbe,
    /// Segments that RACK may yet find to be lost.
    Reorder,
    /// A window of zero.
    Persist,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fin {
    None,
    Queued,
    Sent,
}

/// The sending half of a connection.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(super) una: u64,
    pub(super) nxt: u64,
    /// The peer's window, and the segment that said so.
    pub(super) wnd: u64,
    wl1: u64,
    wnd_max: u64,
    mss: u32,
    unsent: VecDeque<Bytes>,
    unsent_bytes: usize,
    fin: Fin,
    pub(super) board: Scoreboard,
    pub(super) rtt: Rtt,
    pub(super) ticks: Ticks,
    pub(super) meter: Meter,
    pub(super) cc: Congestion,
    pub(super) cwnd: u32,
    pub(super) ssthresh: u32,
    pub(super) state: CaState,
    pub(super) high_seq: u64,
    pub(super) undo_marker: Option<u64>,
    pub(super) undo_retrans: Option<u32>,
    /// When the first segment of this episode was sent again.
    pub(super) retrans_stamp: Option<Nanos>,
    pub(super) prior_ssthresh: Option<u32>,
    pub(super) prior_cwnd: u32,
    pub(super) prr_delivered: u32,
    pub(super) prr_out: u32,
    pub(super) tlp_high: Option<u64>,
    pub(super) tlp_retrans: bool,
    pub(super) rack: Rack,
    pub(super) reordering: u32,
    pub(super) frto: bool,
    /// The retransmission timeout in force, with backoff.
    pub(super) rto: Nanos,
    /// Timeouts in a row without an acknowledgement.
    pub(super) timeouts: u32,
    /// Probes of the window in a row without an answer, and how often their interval was doubled.
    pub(super) probes: u32,
    pub(super) probe_backoff: u32,
    /// Since when a window that is too small is probed.
    pub(super) probing_since: Option<Nanos>,
    pub(super) timer: Option<(Nanos, Timer)>,
    /// Since when nothing of what was sent or probed for has been answered.
    pub(super) stalled_since: Option<Nanos>,
    cwnd_limited: bool,
    max_out: u32,
    usage_end: u64,
    cwnd_stamp: Nanos,
    cwnd_used: u32,
    last_sent: Nanos,
    /// Where the last segment ended that was not full (Minshall).
    small_end: u64,
    pub(super) nodelay: bool,
    buffer: u64,
    buffer_max: u64,
    buffer_fixed: bool,
    init_cwnd: u32,
    slow_start_after_idle: bool,
    /// With pacing: when the next segment may leave, and whether one waits for it.
    pub(super) pace_at: Nanos,
    pub(super) paced: bool,
}

impl Sender {
    /// The half of a connection whose handshake has used `iss`.
    pub(crate) fn new(config: &Config, iss: u64, mss: u32, draw: u32) -> Self {
        let una = iss + 1;
        let mut new = Self {
            una,
            nxt: una,
            wnd: 0,
            wl1: 0,
            wnd_max: 0,
            mss,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            fin: Fin::None,
            board: Scoreboard::default(),
            ticks: Ticks::new(config.hz, iss),
            rtt: Rtt::new(config.rto_min, config.rto_max, config.rto_initial),
            meter: Meter::default(),
            cc: Congestion::new(config.congestion_control, mss, draw),
            cwnd: config.init_cwnd,
            ssthresh: INFINITE,
            state: CaState::Open,
            high_seq: una,
            undo_marker: None,
            undo_retrans: None,
            retrans_stamp: None,
            prior_ssthresh: None,
            prior_cwnd: 0,
            prr_delivered: 0,
            prr_out: 0,
            tlp_high: None,
            tlp_retrans: false,
            rack: Rack::default(),
            reordering: 3,
            frto: false,
            rto: config.rto_initial,
            timeouts: 0,
            probes: 0,
            probe_backoff: 0,
            probing_since: None,
            timer: None,
            stalled_since: None,
            cwnd_limited: false,
            max_out: 0,
            usage_end: 0,
            cwnd_stamp: 0,
            cwnd_used: 0,
            last_sent: 0,
            small_end: una,
            nodelay: false,
            buffer: 0,
            buffer_max: config.wmem[2],
            buffer_fixed: false,
            init_cwnd: config.init_cwnd,
            slow_start_after_idle: config.slow_start_after_idle,
            pace_at: 0,
            paced: false,
        };
        new.expand_buffer();
        new
    }

    /// The handshake is over: the peer's first window, and how long it took, if that is known.
    pub(crate) fn begin(&mut self, window: u64, seq: u64, rtt: Option<Nanos>, now: Nanos) {
        (self.wnd, self.wl1, self.wnd_max) = (window, seq, window);
        if let Some(rtt) = rtt {
            self.rtt.sample(rtt, now, self.una, self.nxt);
            self.rto = self.ticks.whole(self.rtt.rto());
            if let Congestion::Bbr(bbr) = &mut self.cc {
                bbr.initial_rate(self.init_cwnd, rtt);
            }
        }
        if let Congestion::Cubic(cubic) = &mut self.cc {
            cubic.begin_round(now, self.nxt);
        }
        (self.last_sent, self.cwnd_stamp) = (now, now);
    }

    /// After a handshake with more than one timeout the window begins at one segment.
    pub(crate) fn begin_carefully(&mut self) {
        self.cwnd = 1;
    }

    /// The most that goes into a segment: never more than half of the largest window of the peer.
    pub(super) fn mss(&self) -> u64 {
        let half =
            if self.wnd_max > 536 { (self.wnd_max / 2).max(536) } else { self.wnd_max.max(1) };
        u64::from(self.mss).min(half)
    }

    pub(super) fn wnd_end(&self) -> u64 {
        self.una + self.wnd
    }

    /// Bytes that wait to be sent or acknowledged.
    pub(crate) fn queued(&self) -> u64 {
        self.nxt - self.una + self.unsent_bytes as u64
    }

    /// Bytes that a write may add now.
    pub(crate) fn room(&self) -> usize {
        usize::try_from(self.buffer.saturating_sub(self.queued())).unwrap_or(usize::MAX)
    }

    /// Is there so much room that a writer is woken? A third of the buffer.
    pub(crate) fn is_writable(&self) -> bool {
        self.queued() <= self.buffer / 3 * 2
    }

    /// Sets the size of the buffer, in bytes.
    pub(crate) fn set_buffer(&mut self, bytes: u64) {
        (self.buffer, self.buffer_fixed) = (bytes, true);
    }

    pub(crate) fn buffer(&self) -> u64 {
        self.buffer
    }

    /// `tcp_sndbuf_expand`: each segment of the window takes up a page of memory, and a little.
    pub(super) fn expand_buffer(&mut self) {
        if self.buffer_fixed {
            return;
        }
        let each = (u64::from(self.mss) + 640).next_power_of_two() + 256;
        let segments = u64::from(self.init_cwnd.max(self.cwnd).max(self.reordering + 1));
        let wanted = self.cc.buffered_windows() * segments * each;
        self.buffer = self.buffer.max(wanted.min(self.buffer_max));
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.unsent_bytes > 0 || self.fin == Fin::Queued
    }

    /// Has the peer acknowledged the end of the stream?
    pub(crate) fn is_fin_acknowledged(&self) -> bool {
        self.fin == Fin::Sent && self.una == self.nxt
    }

    /// Queues bytes; the caller has looked at the [room](Self::room).
    pub(crate) fn push(&mut self, bytes: Bytes, now: Nanos) {
        self.restart_after_idle(now);
        self.unsent_bytes += bytes.len();
        self.unsent.push_back(bytes);
    }

    /// Queues the end of the stream.
    pub(crate) fn close(&mut self) {
        if self.fin == Fin::None {
            self.fin = Fin::Queued;
        }
    }

    /// What was learned of the path is doubtful after a pause (RFC 2861,
    /// `tcp_slow_start_after_idle`).
    fn restart_after_idle(&mut self, now: Nanos) {
        if !self.board.is_empty() || self.unsent_bytes > 0 {
            return;
        }
        let idle = now.saturating_sub(self.last_sent);
        match &mut self.cc {
            Congestion::Bbr(bbr) => {
                if self.meter.is_app_limited() {
                    bbr.resume();
                }
            }
            Congestion::Cubic(cubic) => {
                if self.nxt > self.una + 1 || idle > 0 {
                    cubic.resume(now, idle);
                }
                if self.slow_start_after_idle && idle > self.rto {
                    self.ssthresh = self.current_threshold();
                    let least = self.init_cwnd.min(self.cwnd);
                    let mut left = idle;
                    while left > self.rto && self.cwnd > least {
                        self.cwnd /= 2;
                        left -= self.rto;
                    }
                    self.cwnd = self.cwnd.max(least);
                    (self.cwnd_stamp, self.cwnd_used) = (now, 0);
                }
            }
        }
    }

    /// Slow start's threshold as it should be now (`tcp_current_ssthresh`).
    pub(super) fn current_threshold(&self) -> u32 {
        if self.state.reduces() {
            self.ssthresh
        } else {
            self.ssthresh.max((self.cwnd / 2) + (self.cwnd / 4))
        }
    }

    /// Sends what may be sent. With `probe` one segment more than the window would let.
    pub(crate) fn output(&mut self, now: Nanos, probe: bool, out: &mut Vec<Outgoing>) {
        let mut sent = 0;
        let mut limited = false;
        while self.has_unsent() {
            let only_fin = self.unsent_bytes == 0;
            let in_flight = self.board.in_flight();
            if in_flight >= self.cwnd && !only_fin && !probe {
                limited = true;
                break;
            }
            if self.pace_at > now && !probe {
                self.paced = true;
                break;
            }
            let mss = self.mss();
            let length = mss.min(self.unsent_bytes as u64);
            if self.nxt + length > self.wnd_end() {
                break;
            }
            let last = length == self.unsent_bytes as u64;
            let fin = last && self.fin == Fin::Queued;
            if length < mss && !fin && !probe && self.is_held_by_nagle() {
                break;
            }
            self.transmit(length, fin, mss, now, out);
            sent += 1;
            if probe {
                break;
            }
        }
        if sent > 0 {
            if self.state.reduces() {
                self.prr_out += sent;
            }
            if !probe {
                self.schedule_loss_probe(now, false);
            }
            self.validate_window(limited || self.board.in_flight() >= self.cwnd, now);
        } else if self.board.is_empty() && self.has_unsent() && self.timer.is_none() {
            self.set_timer(Timer::Persist, self.probe_wait(), now);
        }
        if !self.has_unsent() && self.board.in_flight() < self.cwnd {
            self.meter.limited_by_application(self.board.in_flight());
        }
    }

    /// A segment that is not full waits while another one is not acknowledged.
    fn is_held_by_nagle(&self) -> bool {
        !self.nodelay && !self.board.is_empty() && self.small_end > self.una
    }

    fn transmit(&mut self, length: u64, fin: bool, mss: u64, now: Nanos, out: &mut Vec<Outgoing>) {
        let payload = self.take(usize::try_from(length).unwrap_or(usize::MAX));
        let first = self.board.is_empty();
        let rate = self.meter.sent(first, now);
        let seq = self.nxt;
        self.board.push(seq, payload.clone(), fin, now, rate);
        self.nxt += length + u64::from(fin);
        if length < mss {
            self.small_end = self.nxt;
        }
        if fin {
            self.fin = Fin::Sent;
        }
        self.last_sent = now;
        self.stalled_since.get_or_insert(now);
        if let Some(wait) = self.cc.pacing(length + 52) {
            self.pace_at = self.pace_at.max(now) + wait;
        }
        if first || matches!(self.timer, Some((_, Timer::LossProbe))) {
            self.rearm(now);
        }
        out.push(Outgoing { seq, payload, fin });
    }

    /// Takes bytes off the queue: without a copy if they were written at once.
    fn take(&mut self, length: usize) -> Bytes {
        self.unsent_bytes -= length;
        let Some(front) = self.unsent.front_mut() else { return Bytes::new() };
        if front.len() > length {
            return front.split_to(length);
        }
        if front.len() == length {
            let whole = self.unsent.pop_front().unwrap_or_default();
            if self.unsent.is_empty() {
                // The next one comes to the first place again, which is in the processor's cache.
                self.unsent.clear();
                self.unsent.shrink_to(KEPT);
            }
            return whole;
        }
        let mut taken = BytesMut::with_capacity(length);
        while taken.len() < length
            && let Some(front) = self.unsent.front_mut()
        {
            let part = front.split_to(front.len().min(length - taken.len()));
            taken.extend_from_slice(&part);
            if front.is_empty() {
                self.unsent.pop_front();
            }
        }
        taken.freeze()
    }

    /// Has the window been used (RFC 7661 in Linux's way)?
    fn validate_window(&mut self, limited: bool, now: Nanos) {
        let out = self.board.out();
        if self.una >= self.usage_end || limited || (!self.cwnd_limited && out > self.max_out) {
            self.cwnd_limited = limited;
            self.max_out = out;
            self.usage_end = self.nxt;
        }
        if self.is_window_used() {
            (self.cwnd_used, self.cwnd_stamp) = (0, now);
            return;
        }
        self.cwnd_used = self.cwnd_used.max(out);
        if self.slow_start_after_idle
            && matches!(self.cc, Congestion::Cubic(_))
            && now.saturating_sub(self.cwnd_stamp) >= self.rto
        {
            if self.state == CaState::Open && self.is_writable() {
                let used = self.cwnd_used.max(self.init_cwnd);
                if used < self.cwnd {
                    self.ssthresh = self.current_threshold();
                    self.cwnd = self.cwnd.midpoint(used);
                }
                self.cwnd_used = 0;
            }
            self.cwnd_stamp = now;
        }
    }

    /// May the window grow? Not if nobody has used it.
    pub(super) fn is_window_used(&self) -> bool {
        self.cwnd_limited || (self.cwnd < self.ssthresh && self.cwnd < 2 * self.max_out)
    }

    /// Takes the window that a segment offers.
    pub(super) fn update_window(&mut self, ack: u64, seq: u64, window: u64) -> bool {
        let newer = ack > self.una
            || seq > self.wl1
            || (seq == self.wl1 && (window > self.wnd || window == 0));
        if newer {
            self.wl1 = seq;
            self.wnd = window;
            self.wnd_max = self.wnd_max.max(window);
        }
        newer
    }

    /// Starts the retransmission timer again, or stops it if nothing is under way.
    pub(super) fn rearm(&mut self, now: Nanos) {
        let at = self.board.first().map(|first| match self.timer {
            // What RACK or a probe waited is part of the timeout.
            Some((_, Timer::Reorder | Timer::LossProbe)) => first.sent_at + self.rto,
            _ => now + self.rto,
        });
        self.timer = at.map(|at| (self.ticks.fires(now, at), Timer::Retransmit));
    }

    /// Sets the timer to so long from now on.
    pub(super) fn set_timer(&mut self, timer: Timer, wait: Nanos, now: Nanos) {
        self.timer = Some((self.ticks.fires(now, now + wait), timer));
    }

    /// Starts the timer of a tail loss probe in place of the retransmission timer (RFC 8985, 7.2).
    pub(super) fn schedule_loss_probe(&mut self, now: Nanos, advancing: bool) -> bool {
        let Some(first) = self.board.first() else { return false };
        if !matches!(self.state, CaState::Open | CaState::Cwr) {
            return false;
        }
        let mut wait = match self.rtt.smoothed() {
            Some(srtt) => {
                let alone = self.board.out() == 1;
                srtt * 2 + if alone { self.rtt.rto_min() } else { TIMEOUT_MIN }
            }
            None => super::rtt::RTO_INITIAL,
        };
        let timeout =
            if advancing { self.rto } else { (first.sent_at + self.rto).saturating_sub(now) };
        if timeout > 0 {
            wait = wait.min(timeout);
        }
        self.set_timer(Timer::LossProbe, wait, now);
        true
    }

    /// Sends the first segment of what is unacknowledged without content, or the next one as far
    /// as it fits: the peer answers with its window.
    pub(super) fn probe_window(&mut self, now: Nanos, out: &mut Vec<Outgoing>) {
        self.probes += 1;
        self.stalled_since.get_or_insert(now);
        self.probing_since.get_or_insert(now);
        let room = self.wnd_end().saturating_sub(self.nxt);
        if room > 0 && self.has_unsent() && self.board.is_empty() {
            let length = room.min(self.mss()).min(self.unsent_bytes as u64);
            let fin = length == self.unsent_bytes as u64 && self.fin == Fin::Queued;
            let mss = self.mss();
            self.end_probing();
            self.transmit(length, fin, mss, now, out);
            return;
        }
        out.push(Outgoing { seq: self.una - 1, payload: Bytes::new(), fin: false });
        self.probe_backoff = (self.probe_backoff + 1).min(16);
        self.set_timer(Timer::Persist, self.probe_wait(), now);
    }

    /// How long the next probe of the window waits (`tcp_probe0_when`).
    pub(super) fn probe_wait(&self) -> Nanos {
        (self.rto.max(self.rtt.rto_min()) << self.probe_backoff).min(self.rtt.rto_max())
    }

    /// The window is large enough for what is to be sent.
    pub(super) fn end_probing(&mut self) {
        (self.probes, self.probe_backoff, self.probing_since) = (0, 0, None);
    }

    /// When the first segment of this episode was sent again.
    pub(super) fn retransmitting_since(&self) -> Option<Nanos> {
        self.retrans_stamp
    }

    /// Forgets everything that was to be sent.
    pub(crate) fn purge(&mut self) {
        self.unsent.clear();
        self.unsent_bytes = 0;
        self.board = Scoreboard::default();
        self.timer = None;
    }

    /// Bytes of memory that the queues hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.queued()
    }
}
