//! Sending again: what is lost, the tail loss probe (RFC 8985, 7) and the retransmission timeout.

use super::{
    Nanos,
    ca_state::CaState,
    congestion::Congestion,
    sender::{Outgoing, Sender, TIMEOUT_MIN, Timer},
};

impl Sender {
    /// Sends again what is lost, as far as the window goes.
    pub(super) fn resend_lost(&mut self, now: Nanos, out: &mut Vec<Outgoing>) {
        while self.board.in_flight() < self.cwnd
            && let Some(number) = self.board.next_lost()
        {
            if self.pace_at > now {
                self.paced = true;
                break;
            }
            self.resend(number, now, out);
            if self.state.reduces() {
                self.prr_out += 1;
            }
            if self.board.first_number() == Some(number)
                && !matches!(self.timer, Some((_, Timer::Reorder)))
            {
                self.rearm(now);
            }
        }
    }

    /// The clock lets the next segment leave.
    pub(crate) fn on_pace(&mut self, now: Nanos, out: &mut Vec<Outgoing>) {
        self.paced = false;
        self.resend_lost(now, out);
        self.output(now, false, out);
    }

    /// Sends a lost segment again.
    fn resend(&mut self, number: u32, now: Nanos, out: &mut Vec<Outgoing>) {
        self.resend_any(number, false, now, out);
        self.retrans_stamp.get_or_insert(now);
        self.undo_retrans = Some(self.undo_retrans.unwrap_or(0) + 1);
    }

    fn resend_any(&mut self, number: u32, probe: bool, now: Nanos, out: &mut Vec<Outgoing>) {
        let first = self.board.in_flight() == 0;
        let rate = self.meter.sent(first, now);
        self.board.resend(number, now, rate, probe);
        let record = self.board.get(number);
        let bytes = record.payload.len() as u64 + 52;
        out.push(Outgoing { seq: record.seq, payload: record.payload.clone(), fin: record.fin });
        if let Some(wait) = self.cc.pacing(bytes) {
            self.pace_at = self.pace_at.max(now) + wait;
        }
    }

    /// The timer has run out.
    pub(crate) fn on_timer(&mut self, now: Nanos, out: &mut Vec<Outgoing>) {
        let Some((_, timer)) = self.timer.take() else { return };
        match timer {
            Timer::Retransmit => self.time_out(now, out),
            Timer::LossProbe => self.probe_loss(now, out),
            Timer::Reorder => self.reordering_over(now, out),
            Timer::Persist => self.probe_window(now, out),
        }
    }

    /// The tail loss probe: new data if there is some, or the last segment again.
    fn probe_loss(&mut self, now: Nanos, out: &mut Vec<Outgoing>) {
        if self.tlp_high.is_some() {
            // The timeout is not put off by a probe that was not sent.
            self.timer = Some((now, Timer::LossProbe));
            return self.rearm(now);
        }
        self.tlp_retrans = false;
        let before = out.len();
        let next = self.mss().min(self.queued() - (self.nxt - self.una));
        if self.has_unsent() && self.nxt + next <= self.wnd_end() {
            self.output(now, true, out);
        }
        if out.len() == before {
            let Some(last) = self.board.last_number() else { return };
            self.resend_any(last, true, now, out);
            self.tlp_retrans = true;
        }
        self.tlp_high = Some(self.nxt);
        self.timer = None;
        self.rearm(now);
    }

    fn reordering_over(&mut self, now: Nanos, out: &mut Vec<Outgoing>) {
        let before = self.board.in_flight();
        let wait = self.detect(now);
        if before != self.board.in_flight() {
            if self.state != CaState::Recovery {
                self.enter_recovery();
                if matches!(self.cc, Congestion::Cubic(_)) {
                    self.reduce(1, 0, false);
                }
            }
            self.resend_lost(now, out);
        }
        if wait > 0 {
            self.set_timer(Timer::Reorder, wait + TIMEOUT_MIN, now);
        } else if !matches!(self.timer, Some((_, Timer::Retransmit))) {
            self.timer = Some((now, Timer::Reorder));
            self.rearm(now);
        }
    }

    /// The retransmission timeout (`tcp_enter_loss`).
    fn time_out(&mut self, now: Nanos, out: &mut Vec<Outgoing>) {
        let Some(head) = self.board.first_number() else { return };
        let (rtt, window) = (self.rack.rtt, self.reordering_window());
        for number in self.board.numbers() {
            let record = self.board.get(number);
            let recent = number != head && record.sent_at + rtt + window > now;
            if !recent {
                self.board.mark_lost(number);
            }
        }
        let new = self.state < CaState::Recovery;
        if self.state <= CaState::Disorder
            || self.una >= self.high_seq
            || (self.state == CaState::Loss && self.timeouts == 0)
        {
            self.prior_ssthresh = Some(self.current_threshold());
            self.prior_cwnd = self.cwnd;
            self.ssthresh = self.cc.threshold(self.cwnd).unwrap_or(self.ssthresh);
            self.begin_undo();
        }
        self.cc.timed_out(now, self.nxt);
        self.cwnd = self.board.in_flight() + 1;
        self.state = CaState::Loss;
        self.high_seq = self.nxt;
        self.tlp_high = None;
        self.frto = new || self.timeouts > 0;
        self.timeouts += 1;
        self.pace_at = now;
        self.resend(head, now, out);
        self.rto = (self.rto * 2).min(self.rtt.rto_max());
        self.set_timer(Timer::Retransmit, self.rto, now);
    }
}
