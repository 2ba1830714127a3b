//! What RACK (RFC 8985) knows of a connection: the newest segment that was delivered, and how late
//! another one may be without being lost.

use super::{Nanos, scoreboard::Delivered};

/// The segment that was delivered and of those was sent last (RFC 8985).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rack {
    sent_at: Nanos,
    end: u64,
    pub(super) rtt: Nanos,
    pub(super) advanced: bool,
    pub(super) reordering_seen: bool,
    /// How many quarters of the least round trip a segment may be late.
    window_quarters: u32,
    window_persists: u32,
    dsack_round: Option<u64>,
}

impl Default for Rack {
    fn default() -> Self {
        Self {
            sent_at: 0,
            end: 0,
            rtt: 0,
            advanced: false,
            reordering_seen: false,
            window_quarters: 1,
            window_persists: 0,
            dsack_round: None,
        }
    }
}

impl Rack {
    /// A segment was delivered.
    pub(super) fn advance(&mut self, what: &Delivered, min_rtt: Option<Nanos>, now: Nanos) {
        let rtt = now.saturating_sub(what.sent_at);
        // Which of the two was delivered cannot be told.
        if what.ever_retransmitted && min_rtt.is_some_and(|min| rtt < min) {
            return;
        }
        self.advanced = true;
        self.rtt = rtt;
        if (what.sent_at, what.end) > (self.sent_at, self.end) {
            (self.sent_at, self.end) = (what.sent_at, what.end);
        }
    }

    /// When the segment was sent that was delivered and of those was sent last, and where it ends.
    pub(super) fn newest(&self) -> (Nanos, u64) {
        (self.sent_at, self.end)
    }

    /// How many quarters of the least round trip a segment may be late.
    pub(super) fn window_quarters(&self) -> u32 {
        self.window_quarters
    }

    /// Duplicates that were reported mean that something was sent again too early: RACK waits
    /// longer (RFC 8985, 6.2 step 4), once in a round trip.
    pub(super) fn widen_for_dsack(&mut self, reported: bool, una: u64, nxt: u64) {
        if self.dsack_round.is_some_and(|round| una >= round) {
            self.dsack_round = None;
        }
        if reported && self.dsack_round.is_none() {
            self.dsack_round = Some(nxt);
            self.window_quarters = (self.window_quarters + 1).min(255);
            self.window_persists = 16;
        } else if self.window_persists == 0 {
            self.window_quarters = 1;
        }
    }

    /// Fast recovery begins: after sixteen of them without a duplicate the window is as it was.
    pub(super) fn note_recovery(&mut self) {
        self.window_persists = self.window_persists.saturating_sub(1);
    }
}
