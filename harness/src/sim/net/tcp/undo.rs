//! Undoing what was done for a loss that was none (RFC 4015, RFC 3708; `tcp_try_undo_recovery` and
//! those beside it).

use super::{ca_state::CaState, recovery::Ack, sender::Sender};

impl Sender {
    pub(super) fn begin_undo(&mut self) {
        self.undo_marker = Some(self.una);
        self.undo_retrans = (self.board.retransmitted > 0).then_some(self.board.retransmitted);
    }

    /// Do timestamps show that what was sent again had only been late (RFC 4015)?
    fn was_only_late(&self, ack: &Ack<'_>) -> bool {
        matches!((self.retrans_stamp, ack.echo), (Some(again), Some(echo)) if echo < again)
    }

    fn may_undo(&self, ack: &Ack<'_>) -> bool {
        self.undo_marker.is_some() && (self.undo_retrans == Some(0) || self.was_only_late(ack))
    }

    fn undo(&mut self, unmark: bool) {
        if unmark {
            self.board.unmark_lost();
        }
        if let Some(prior) = self.prior_ssthresh.take() {
            self.cwnd = self.cwnd.max(self.prior_cwnd);
            self.ssthresh = self.ssthresh.max(prior);
        }
        self.undo_marker = None;
        self.rack.advanced = true;
    }

    pub(super) fn undo_recovery(&mut self, ack: &Ack<'_>) {
        if self.may_undo(ack) {
            self.undo(false);
        }
        self.state = CaState::Open;
    }

    pub(super) fn undo_partially(&mut self, ack: &Ack<'_>) -> bool {
        if self.undo_marker.is_none() || !self.was_only_late(ack) {
            return false;
        }
        self.rack.reordering_seen = true;
        if self.board.retransmitted > 0 {
            return true;
        }
        self.retrans_stamp = None;
        self.undo(true);
        self.open_again();
        true
    }

    pub(super) fn undo_by_dsack(&mut self) -> bool {
        let all = self.undo_marker.is_some() && self.undo_retrans == Some(0);
        if all {
            self.undo(false);
        }
        all
    }

    pub(super) fn undo_timeout(&mut self, ack: &Ack<'_>, spurious: bool) -> bool {
        if !spurious && !self.may_undo(ack) {
            return false;
        }
        self.undo(true);
        self.timeouts = 0;
        self.state = CaState::Open;
        true
    }
}
