//! The passive side of a handshake before it is a connection: a request in the SYN queue.

use super::{Config, Flags, Nanos, Segment, Ticks};

/// A connection that is being opened by a peer.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) iss: u64,
    pub(crate) irs: u64,
    /// The largest segment that the peer takes.
    pub(crate) mss: u32,
    own_mss: u32,
    window: u64,
    echo: Nanos,
    sent_at: Nanos,
    retransmits: u32,
    /// When the SYN-ACK is sent again.
    pub(crate) timer: Nanos,
    ticks: Ticks,
}

/// What a segment for a request comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Nothing,
    /// The SYN-ACK is to be sent again.
    Again,
    /// The handshake is over. The round-trip time, if it can be told.
    Established(Option<Nanos>),
    Reset,
    /// It acknowledges what was never sent.
    Refuse,
}

impl Request {
    pub(crate) fn new(
        config: &Config,
        syn: &Segment,
        iss: u64,
        own_mss: u32,
        window: u64,
        now: Nanos,
    ) -> Self {
        let ticks = Ticks::new(config.hz, iss);
        Self {
            iss,
            irs: syn.seq,
            mss: if syn.mss == 0 { 536 } else { syn.mss },
            own_mss,
            window,
            echo: syn.sent_at,
            sent_at: now,
            retransmits: 0,
            timer: ticks.fires(now, now + config.rto_initial),
            ticks,
        }
    }

    /// The SYN-ACK.
    pub(crate) fn answer(&self, now: Nanos) -> Segment {
        Segment {
            seq: self.iss,
            ack: self.irs + 1,
            flags: Flags { syn: true, ack: true, ..Flags::default() },
            window: self.window,
            sent_at: now,
            echo: Some(self.echo),
            mss: self.own_mss,
            ..Segment::default()
        }
    }

    /// Takes a segment that is for it.
    pub(crate) fn receive(&mut self, segment: &Segment, now: Nanos) -> Answered {
        let Flags { syn, ack, rst, .. } = segment.flags;
        if rst {
            return if segment.seq == self.irs + 1 { Answered::Reset } else { Answered::Nothing };
        }
        if syn {
            self.echo = segment.sent_at;
            return Answered::Again;
        }
        if !ack {
            return Answered::Nothing;
        }
        if segment.ack != self.iss + 1 {
            return Answered::Refuse;
        }
        let rtt = if self.retransmits == 0 {
            Some(now.saturating_sub(self.sent_at))
        } else {
            segment.echo.map(|echo| now.saturating_sub(echo))
        };
        Answered::Established(rtt)
    }

    /// The timer has run out. False if the request is given up.
    pub(crate) fn on_timer(&mut self, config: &Config, now: Nanos) -> bool {
        if self.retransmits >= config.synack_retries {
            return false;
        }
        self.retransmits += 1;
        let wait = (config.rto_initial << self.retransmits.min(10)).min(config.rto_max);
        self.timer = self.ticks.fires(now, now + wait);
        true
    }

    pub(crate) fn was_retransmitted(&self) -> u32 {
        self.retransmits
    }
}
