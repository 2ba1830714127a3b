//! What acknowledgements and timeouts mean for segments that are lost, or seem to be.
//!
//! RACK and the tail loss probe (RFC 8985), SACK (RFC 2018, 2883), proportional rate reduction
//! (RFC 6937), F-RTO (RFC 5682) and the undoing of what was done for a loss that was none (RFC 4015,
//! RFC 3708), in the order in which Linux does these things (`tcp_ack`, `tcp_fastretrans_alert`).

use super::{
    Nanos,
    ca_state::CaState,
    congestion::Congestion,
    rate::Sampling,
    sender::{INFINITE, Outgoing, Sender, TIMEOUT_MIN, Timer},
};

/// `tcp_max_reordering`.
const REORDERING_MAX: u32 = 300;

/// What a segment says that concerns the sending half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack<'a> {
    pub(crate) ack: u64,
    pub(crate) seq: u64,
    pub(crate) window: u64,
    /// The segment takes up room in its sequence.
    pub(crate) has_data: bool,
    pub(crate) sack: &'a [(u64, u64)],
    /// The timestamp that comes back (RFC 7323).
    pub(crate) echo: Option<Nanos>,
}

/// What one acknowledgement has told, as far as later steps ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) advanced: bool,
    pub(super) window: bool,
    pub(super) data: bool,
    pub(super) acked: bool,
    pub(super) sacked: bool,
    pub(super) dsack: bool,
    pub(super) dsack_of_probe: bool,
    /// Something was delivered that was sent once, before the loss.
    pub(super) original: bool,
    pub(super) retransmission_acked: bool,
    pub(super) retransmission_lost: bool,
    pub(super) set_timer: bool,
}

impl Flags {
    fn is_duplicate(self) -> bool {
        !(self.data || self.window || self.acked || self.advanced)
    }
}

/// What is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resend {
    Nothing,
    Lost,
    /// New data, to find out whether the timeout was spurious.
    New,
}

/// What the cumulative and selective acknowledgements of one segment have delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) delivered: u32,
    pub(super) first_sent: Option<Nanos>,
    pub(super) last_sent: Option<Nanos>,
    pub(super) sack_first: Option<Nanos>,
    pub(super) sack_last: Option<Nanos>,
    /// The lowest that was delivered after something above it, though it was sent once.
    pub(super) reordered: Option<u64>,
}

impl Sender {
    /// Takes an acknowledgement of something that was sent, adding to `out` what is to be sent for
    /// it. True if it acknowledges something for the first time.
    pub(crate) fn acknowledge(
        &mut self,
        ack: &Ack<'_>,
        now: Nanos,
        out: &mut Vec<Outgoing>,
    ) -> bool {
        let prior_una = self.una;
        let prior_fack = self.board.sacked_up_to().unwrap_or(self.una).max(self.una);
        let prior_in_flight = self.board.in_flight();
        let prior_lost = self.board.lost;
        let (mut flags, mut tally, mut sampling) = (
            Flags { data: ack.has_data, ..Flags::default() },
            Tally::default(),
            Sampling::default(),
        );
        if ack.ack > prior_una {
            flags.advanced = true;
            self.timeouts = 0;
        }
        if ack.ack >= prior_una {
            flags.window = self.update_window(ack.ack, ack.seq, ack.window);
            self.una = ack.ack.max(self.una);
            self.probes = 0;
            self.stalled_since = (self.una < self.nxt).then_some(now);
            if self.board.is_empty() {
                self.answer_probe(now);
                return flags.advanced;
            }
        }
        self.take_sack(ack, prior_una, now, &mut flags, &mut tally, &mut sampling);
        if ack.ack >= prior_una {
            self.take_cumulative(ack.ack, now, &mut flags, &mut tally, &mut sampling);
        } else if tally.delivered == 0 && !flags.dsack {
            return false;
        }
        if let Some(low) = tally.reordered.filter(|low| *low < prior_fack) {
            self.note_reordering(low, prior_fack);
        }
        let rtt = self.sample_rtt(ack, now, &flags, &tally);
        if flags.acked {
            flags.set_timer = true;
        } else if let (Some(first), Some(sacked)) = (self.board.first(), tally.sack_first)
            && rtt.is_some()
            && now.saturating_sub(sacked) > now.saturating_sub(first.sent_at)
        {
            flags.set_timer = true;
        }
        self.rack.widen_for_dsack(flags.dsack && !flags.dsack_of_probe, self.una, self.nxt);
        self.end_loss_probe(ack.ack, &flags);
        let mut resend = Resend::Nothing;
        if flags.is_duplicate() || flags.sacked || flags.dsack || self.state != CaState::Open {
            resend = self.alert(&mut flags, ack, now);
        }
        if flags.set_timer && !self.schedule_loss_probe(now, true) {
            self.rearm(now);
        }
        let newly_lost = self.board.lost.saturating_sub(prior_lost);
        self.control(prior_in_flight, newly_lost, &flags, &tally, &sampling, rtt, now);
        if resend != Resend::Nothing {
            if resend == Resend::New {
                self.output(now, false, out);
                if self.nxt > self.high_seq {
                    // Whether that is acknowledged shows if the timeout was needless.
                    return flags.advanced;
                }
                self.frto = false;
            }
            self.resend_lost(now, out);
        }
        flags.advanced
    }

    /// Nothing is under way: an answer to a window probe.
    fn answer_probe(&mut self, now: Nanos) {
        self.tlp_high = None;
        let fits = self.nxt + self.mss().min(self.queued()) <= self.wnd_end();
        if fits || !self.has_unsent() {
            self.end_probing();
            self.timer = None;
            return;
        }
        self.set_timer(Timer::Persist, self.probe_wait(), now);
    }

    fn take_sack(
        &mut self,
        ack: &Ack<'_>,
        prior_una: u64,
        now: Nanos,
        flags: &mut Flags,
        tally: &mut Tally,
        sampling: &mut Sampling,
    ) {
        let mut blocks = ack.sack;
        // A block below the acknowledgement, or within the next one, is of a duplicate (RFC 2883).
        if let [first, rest @ ..] = blocks
            && (first.0 < ack.ack
                || rest.first().is_some_and(|next| first.0 >= next.0 && first.1 <= next.1))
        {
            self.take_dsack(*first, prior_una, flags);
            blocks = rest;
        }
        let (low, high) = (ack.ack.max(self.una), self.nxt);
        if blocks.iter().any(|(from, to)| from >= to || *to > high || *to <= low) {
            return;
        }
        let Self { board, meter, rack, rtt, high_seq, .. } = self;
        let highest = board.sacked_up_to();
        let min_rtt = rtt.min();
        board.sack(blocks, |what| {
            flags.sacked = true;
            if !what.ever_retransmitted {
                tally.sack_first =
                    Some(tally.sack_first.map_or(what.sent_at, |at| at.min(what.sent_at)));
                tally.sack_last = Some(what.sent_at);
                flags.original |= what.end <= *high_seq;
                if highest.is_some_and(|highest| what.end <= highest) {
                    tally.reordered =
                        Some(tally.reordered.map_or(what.end, |low| low.min(what.end)));
                }
            }
            tally.delivered += 1;
            rack.advance(&what, min_rtt, now);
            meter.delivered(sampling, what.rate, (what.sent_at, what.end), now);
        });
    }

    fn take_dsack(&mut self, (_, to): (u64, u64), prior_una: u64, flags: &mut Flags) {
        flags.dsack = true;
        if self.undo_marker.is_some_and(|marker| marker < to && to <= prior_una.max(self.una))
            && let Some(left) = &mut self.undo_retrans
        {
            *left = left.saturating_sub(1);
        }
        flags.dsack_of_probe = self.tlp_retrans && self.tlp_high == Some(to);
        if !flags.dsack_of_probe {
            self.rack.reordering_seen = true;
        }
    }

    fn take_cumulative(
        &mut self,
        ack: u64,
        now: Nanos,
        flags: &mut Flags,
        tally: &mut Tally,
        sampling: &mut Sampling,
    ) {
        let Self { board, meter, rack, rtt, high_seq, .. } = self;
        let fack = board.sacked_up_to();
        let min_rtt = rtt.min();
        board.acknowledge(ack, |what| {
            flags.acked = true;
            if what.ever_retransmitted {
                flags.retransmission_acked = true;
            } else if !what.was_sacked {
                tally.first_sent.get_or_insert(what.sent_at);
                tally.last_sent = Some(what.sent_at);
                flags.original |= what.end <= *high_seq;
                if fack.is_some_and(|fack| what.end < fack) {
                    tally.reordered =
                        Some(tally.reordered.map_or(what.end, |low| low.min(what.end)));
                }
            }
            if !what.was_sacked {
                tally.delivered += 1;
                rack.advance(&what, min_rtt, now);
                meter.delivered(sampling, what.rate, (what.sent_at, what.end), now);
            }
        });
        if self.tlp_retrans && flags.retransmission_acked {
            flags.acked = true;
        }
        self.board.trim();
    }

    fn note_reordering(&mut self, low: u64, fack: u64) {
        let mss = self.mss().max(1);
        let distance = u32::try_from((fack - low).div_ceil(mss)).unwrap_or(REORDERING_MAX);
        if distance > self.reordering {
            self.reordering = distance.min(REORDERING_MAX);
        }
        self.rack.reordering_seen = true;
    }

    /// Takes the samples of the round-trip time; returns the one for congestion control.
    fn sample_rtt(
        &mut self,
        ack: &Ack<'_>,
        now: Nanos,
        flags: &Flags,
        tally: &Tally,
    ) -> Option<Nanos> {
        let since = |at: Nanos| now.saturating_sub(at);
        let (mut seq_rtt, mut ca_rtt) = (None, None);
        if !flags.retransmission_acked {
            seq_rtt = tally.first_sent.map(since);
            ca_rtt = tally.last_sent.map(since);
        }
        let sack_rtt = tally.sack_first.map(since);
        if ca_rtt.is_none() {
            ca_rtt = tally.sack_last.map(since);
        }
        let mut rtt = seq_rtt.or(sack_rtt);
        if rtt.is_none() && flags.acked {
            rtt = ack.echo.map(since);
            ca_rtt = rtt;
        }
        if let Some(rtt) = rtt {
            self.rtt.sample(rtt, now, self.una, self.nxt);
            self.rto = self.ticks.whole(self.rtt.rto());
        }
        ca_rtt.or(rtt)
    }

    /// Has the tail loss probe made up for a loss (RFC 8985, 7.4)?
    fn end_loss_probe(&mut self, ack: u64, flags: &Flags) {
        let Some(high) = self.tlp_high.filter(|high| ack >= *high) else { return };
        if !self.tlp_retrans || flags.dsack_of_probe {
            self.tlp_high = None;
        } else if ack > high {
            // It has: the loss is one all the same.
            self.tlp_high = None;
            self.begin_reduction();
            self.state = CaState::Cwr;
            self.end_reduction();
            self.open_again();
        } else if !flags.advanced && flags.is_duplicate() && !flags.sacked {
            self.tlp_high = None;
        }
    }

    /// Something is or may be missing.
    fn alert(&mut self, flags: &mut Flags, ack: &Ack<'_>, now: Nanos) -> Resend {
        if self.state == CaState::Open {
            self.retrans_stamp = None;
        } else if self.una >= self.high_seq {
            match self.state {
                CaState::Cwr if self.una != self.high_seq => {
                    self.end_reduction();
                    self.state = CaState::Open;
                }
                CaState::Recovery => {
                    self.undo_recovery(ack);
                    self.end_reduction();
                }
                _ => {}
            }
        }
        let mut resend = Resend::Lost;
        match self.state {
            CaState::Recovery => {
                if flags.advanced && self.undo_partially(ack) {
                    return resend;
                }
                if self.undo_by_dsack() {
                    self.try_to_open();
                }
                self.find_lost(flags, now);
                if self.state != CaState::Recovery {
                    if self.board.lost == 0 {
                        return Resend::Nothing;
                    }
                    self.enter_recovery();
                }
            }
            CaState::Loss => {
                resend = self.after_timeout(flags, ack);
                self.find_lost(flags, now);
                if !(self.state == CaState::Open || flags.retransmission_lost) {
                    return resend;
                }
                if self.board.lost == 0 {
                    self.try_to_open();
                    return resend;
                }
                self.enter_recovery();
                resend = Resend::Lost;
            }
            _ => {
                if self.state <= CaState::Disorder {
                    self.undo_by_dsack();
                }
                self.find_lost(flags, now);
                if self.board.lost == 0 {
                    self.try_to_open();
                    return Resend::Nothing;
                }
                self.enter_recovery();
            }
        }
        resend
    }

    fn find_lost(&mut self, flags: &mut Flags, now: Nanos) {
        let before = self.board.retransmitted;
        if self.rack_lost(now) {
            flags.set_timer = false;
        }
        flags.retransmission_lost |= self.board.retransmitted < before;
    }

    /// RACK, after an acknowledgement. True if it has set its timer.
    pub(super) fn rack_lost(&mut self, now: Nanos) -> bool {
        if !std::mem::take(&mut self.rack.advanced) {
            return false;
        }
        let wait = self.detect(now);
        if wait > 0 {
            self.set_timer(Timer::Reorder, wait + TIMEOUT_MIN, now);
        }
        wait > 0
    }

    /// Takes for lost what was sent well before something that has arrived. Returns how long the
    /// rest has yet to wait.
    pub(super) fn detect(&mut self, now: Nanos) -> Nanos {
        let window = self.reordering_window();
        let (newest, rtt) = (self.rack.newest(), self.rack.rtt);
        let mut longest = 0;
        let mut lost = Vec::new();
        self.board.walk_sent(|number, record| {
            if (record.sent_at, record.end) >= newest {
                return false;
            }
            if record.lost && !record.retransmitted {
                return true;
            }
            let due = record.sent_at + rtt + window;
            if due <= now {
                lost.push(number);
            } else {
                longest = longest.max(due - now);
            }
            true
        });
        for number in lost {
            self.board.mark_lost(number);
        }
        longest
    }

    pub(super) fn reordering_window(&self) -> Nanos {
        if !self.rack.reordering_seen
            && (self.state >= CaState::Recovery || self.board.sacked >= self.reordering)
        {
            return 0;
        }
        let quarters = self.rtt.min().unwrap_or(0) / 4 * u64::from(self.rack.window_quarters());
        quarters.min(self.rtt.smoothed().unwrap_or(0))
    }

    pub(super) fn enter_recovery(&mut self) {
        self.prior_ssthresh = None;
        self.begin_undo();
        if !self.state.reduces() {
            self.prior_ssthresh = Some(self.current_threshold());
            self.begin_reduction();
        }
        self.state = CaState::Recovery;
        self.rack.note_recovery();
    }

    fn begin_reduction(&mut self) {
        self.high_seq = self.nxt;
        self.tlp_high = None;
        self.prior_cwnd = self.cwnd;
        (self.prr_delivered, self.prr_out) = (0, 0);
        self.ssthresh = self.cc.threshold(self.cwnd).unwrap_or(self.ssthresh);
    }

    fn end_reduction(&mut self) {
        if matches!(self.cc, Congestion::Bbr(_)) {
            return;
        }
        if self.ssthresh < INFINITE && (self.state == CaState::Cwr || self.undo_marker.is_some()) {
            self.cwnd = self.ssthresh;
        }
    }

    pub(super) fn open_again(&mut self) {
        let disordered =
            self.board.sacked > 0 || self.board.lost > 0 || self.board.retransmitted > 0;
        let state = if disordered { CaState::Disorder } else { CaState::Open };
        if self.state != state {
            self.state = state;
            self.high_seq = self.nxt;
        }
    }

    fn try_to_open(&mut self) {
        if self.board.retransmitted == 0 && self.board.lost == 0 {
            self.retrans_stamp = None;
        }
        if self.state != CaState::Cwr {
            self.open_again();
        }
    }

    /// An acknowledgement after a timeout (`tcp_process_loss`).
    fn after_timeout(&mut self, flags: &Flags, ack: &Ack<'_>) -> Resend {
        let recovered = self.una >= self.high_seq;
        if flags.advanced && self.undo_timeout(ack, false) {
            return Resend::Nothing;
        }
        if self.frto {
            if flags.original && self.undo_timeout(ack, true) {
                return Resend::Nothing;
            }
            if self.nxt > self.high_seq {
                if flags.sacked || flags.is_duplicate() {
                    self.frto = false;
                }
            } else if flags.advanced && !recovered {
                self.high_seq = self.nxt;
                if self.has_unsent() && self.wnd_end() > self.nxt {
                    return Resend::New;
                }
                self.frto = false;
            }
        }
        if recovered {
            self.undo_recovery(ack);
            return Resend::Nothing;
        }
        Resend::Lost
    }
}
