//! How the congestion window changes with what is acknowledged: slow start and congestion avoidance,
//! and proportional rate reduction (RFC 6937) while a loss is recovered from.

use super::{
    Nanos,
    ca_state::CaState,
    congestion::{self, Congestion, Round},
    rate::Sampling,
    recovery::{Flags, Tally},
    sender::Sender,
};

impl Sender {
    /// How the window changes (`tcp_cong_control`).
    #[expect(
        clippy::too_many_arguments,
        reason = "what one acknowledgement has told, in its parts"
    )]
    pub(super) fn control(
        &mut self,
        prior_in_flight: u32,
        newly_lost: u32,
        flags: &Flags,
        tally: &Tally,
        sampling: &Sampling,
        rtt: Option<Nanos>,
        now: Nanos,
    ) {
        let sample = self.meter.sample(sampling, now);
        let slow_start = self.cwnd < self.ssthresh;
        let in_flight = self.board.in_flight();
        let before = self.cwnd;
        match &mut self.cc {
            Congestion::Bbr(bbr) => {
                let recovery = match self.state {
                    CaState::Recovery => congestion::Recovery::Fast,
                    CaState::Loss => congestion::Recovery::Timeout,
                    _ => congestion::Recovery::None,
                };
                self.cwnd = bbr.acknowledged(
                    self.cwnd,
                    &Round {
                        sample,
                        rtt,
                        delivered: self.meter.delivered,
                        acked: tally.delivered,
                        lost: newly_lost,
                        in_flight,
                        prior_in_flight,
                        recovery,
                        now,
                    },
                );
            }
            Congestion::Cubic(cubic) => {
                if let Some(rtt) = rtt
                    && (flags.acked || flags.sacked)
                    && cubic.acknowledged(rtt, slow_start, self.cwnd, (self.una, self.nxt), now)
                    && slow_start
                {
                    self.ssthresh = self.cwnd;
                }
                if self.state.reduces() {
                    self.reduce(tally.delivered, newly_lost, flags.advanced);
                } else if flags.acked || (self.reordering > 3 && tally.delivered > 0) {
                    self.grow(tally.delivered, now);
                }
            }
        }
        if self.cwnd > before && in_flight < self.cwnd {
            self.expand_buffer();
        }
    }

    fn grow(&mut self, acked: u32, now: Nanos) {
        if !self.is_window_used() {
            return;
        }
        let mut acked = acked;
        if self.cwnd < self.ssthresh {
            let grown = (self.cwnd + acked).min(self.ssthresh);
            acked -= grown - self.cwnd;
            self.cwnd = grown;
            if acked == 0 {
                return;
            }
        }
        if let Congestion::Cubic(cubic) = &mut self.cc {
            cubic.avoid(&mut self.cwnd, acked, now);
        }
    }

    /// Proportional rate reduction (RFC 6937, with what Linux makes of slow start's bound).
    pub(super) fn reduce(&mut self, delivered: u32, newly_lost: u32, advanced: bool) {
        if delivered == 0 || self.prior_cwnd == 0 {
            return;
        }
        self.prr_delivered += delivered;
        let in_flight = self.board.in_flight();
        let send = if in_flight > self.ssthresh {
            let share = u64::from(self.ssthresh) * u64::from(self.prr_delivered);
            let share = share.div_ceil(u64::from(self.prior_cwnd));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(self.prr_out)
        } else {
            let behind = self.prr_delivered.saturating_sub(self.prr_out);
            let bound = behind.max(delivered) + u32::from(advanced && newly_lost == 0);
            bound.min(self.ssthresh - in_flight)
        };
        // One goes out at once.
        self.cwnd = in_flight + send.max(u32::from(self.prr_out == 0));
    }
}
