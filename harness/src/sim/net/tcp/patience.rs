//! What time brings for a connection: its timers, and the end of its patience.

use std::io;

use super::{
    Nanos, SECOND, Segment,
    connection::{Connection, State},
};

impl Connection {
    /// When the connection next has something to do by itself.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        if self.state == State::Closed {
            return None;
        }
        let handshake = self.handshake.as_ref().map(|handshake| handshake.timer);
        let pace = self.tx.paced.then_some(self.tx.pace_at);
        [
            handshake,
            self.tx.timer.map(|(at, _)| at),
            self.rx.ack_timer(),
            self.linger_until,
            self.keepalive_at,
            pace,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due by `now`.
    pub(crate) fn on_timer(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        if self.state == State::Closed {
            return;
        }
        if self.handshake.as_ref().is_some_and(|handshake| handshake.timer <= now) {
            self.handshake_timed_out(now, out);
        }
        if self.rx.ack_timer().is_some_and(|at| at <= now) && self.rx.ack_timed_out(self.tx.rto) {
            self.send_ack(now, out);
        }
        if self.tx.timer.is_some_and(|(at, _)| at <= now) {
            if self.has_lost_patience(now) {
                return self.give_up(now, out);
            }
            let mut outgoing = self.take_outgoing();
            self.tx.on_timer(now, &mut outgoing);
            self.outgoing = outgoing;
            self.flush(now, out);
            self.heed_user_timeout(now);
        }
        if self.keepalive_at.is_some_and(|at| at <= now) {
            self.keep_alive(now, out);
        }
        if self.tx.paced && self.tx.pace_at <= now {
            let mut outgoing = self.take_outgoing();
            self.tx.on_pace(now, &mut outgoing);
            self.outgoing = outgoing;
            self.flush(now, out);
        }
    }

    fn handshake_timed_out(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        let Some(handshake) = &mut self.handshake else { return };
        let linear = self.config.syn_linear_timeouts;
        let active = self.state == State::SynSent;
        let most =
            if active { self.config.syn_retries + linear } else { self.config.synack_retries };
        let expired = self.options.user_timeout.is_some_and(|most| now - handshake.sent_at >= most);
        if handshake.retransmits >= most || expired {
            return self.finish(Some(io::ErrorKind::TimedOut));
        }
        handshake.retransmits += 1;
        if !active || handshake.retransmits > linear {
            handshake.rto = (handshake.rto * 2).min(self.config.rto_max);
        }
        let wait = match self.options.user_timeout {
            Some(most) => handshake.rto.min((handshake.sent_at + most).saturating_sub(now).max(1)),
            None => handshake.rto,
        };
        handshake.timer = self.tx.ticks.fires(now, now + wait);
        out.push(self.syn(now));
    }

    /// Has nothing been acknowledged for too long (`tcp_write_timeout`, `tcp_probe_timer`)?
    fn has_lost_patience(&self, now: Nanos) -> bool {
        use super::sender::Timer::{Persist, Retransmit};
        let Some((_, timer @ (Retransmit | Persist))) = self.tx.timer else { return false };
        if self.user_timeout_at().is_some_and(|at| at <= now) {
            return true;
        }
        let retries = if self.orphan { self.config.orphan_retries } else { self.config.retries2 };
        match timer {
            Persist => {
                self.tx.probes >= retries
                    || (self.orphan && self.tx.probe_wait() >= self.config.rto_max)
            }
            _ => {
                let since = self.tx.retransmitting_since();
                let patience = self.config.patience(retries);
                self.tx.timeouts > 0
                    && since.is_some_and(|since| now.saturating_sub(since) >= patience)
            }
        }
    }

    /// When `TCP_USER_TIMEOUT` ends a connection that is retransmitting or probing.
    fn user_timeout_at(&self) -> Option<Nanos> {
        use super::sender::Timer::{Persist, Retransmit};
        let most = self.options.user_timeout?;
        let since = match self.tx.timer? {
            (_, Persist) => self.tx.probing_since,
            (_, Retransmit) if self.tx.timeouts > 0 => self.tx.stalled_since,
            _ => None,
        };
        Some(since? + most)
    }

    /// No timer waits beyond `TCP_USER_TIMEOUT` (`tcp_clamp_rto_to_user_timeout`,
    /// `tcp_clamp_probe0_to_user_timeout`).
    pub(super) fn heed_user_timeout(&mut self, now: Nanos) {
        if let (Some(end), Some((at, _))) = (self.user_timeout_at(), &mut self.tx.timer) {
            *at = (*at).min(end.max(now + 1));
        }
    }

    fn give_up(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        if self.orphan {
            self.abort(now, out);
        } else {
            self.finish(Some(io::ErrorKind::TimedOut));
        }
    }

    pub(super) fn start_keepalive(&mut self, now: Nanos) {
        if self.options.keepalive && self.state.is_synchronized() {
            self.keepalive_at = Some(self.fires_in(self.keepalive_time(), now));
        }
    }

    fn keepalive_time(&self) -> Nanos {
        self.options.keepalive_time.unwrap_or(self.config.keepalive_time)
    }

    /// `tcp_keepalive_timer`.
    fn keep_alive(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        let idle = now.saturating_sub(self.heard_at);
        let time = self.keepalive_time();
        if self.tx.queued() > 0 || idle < time {
            self.keepalive_at = Some((self.heard_at + time).max(now + SECOND));
            return;
        }
        let most = self.options.keepalive_probes.unwrap_or(self.config.keepalive_probes);
        let expired = match self.options.user_timeout {
            Some(timeout) => idle >= timeout && self.keepalive_probes > 0,
            None => self.keepalive_probes >= most,
        };
        if expired {
            self.abort(now, out);
            self.error = Some(io::ErrorKind::TimedOut);
            return;
        }
        self.keepalive_probes += 1;
        let segment = self.segment(self.tx.una - 1, now);
        out.push(segment);
        let every = self.options.keepalive_intvl.unwrap_or(self.config.keepalive_intvl);
        self.keepalive_at = Some(self.fires_in(every, now));
    }
}
