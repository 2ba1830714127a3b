//! What is left of a connection in the kernel when neither end needs it any more: TIME-WAIT, and
//! FIN-WAIT-2 after the process has closed its socket.

use super::{Config, Flags, Nanos, Segment, TIME_WAIT};

/// The rest of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) snd_nxt: u64,
    pub(crate) rcv_nxt: u64,
    pub(crate) window: u64,
    pub(crate) echo: Option<Nanos>,
    /// The peer has yet to end its stream.
    pub(crate) fin_wait_2: bool,
    /// When it is forgotten.
    pub(crate) until: Nanos,
}

/// What a segment for it comes to.
#[derive(Debug)]
pub(crate) enum RestAnswer {
    Nothing,
    Reply(Segment),
    /// It is over, with a reply.
    Over(Option<Segment>),
    /// A new connection may take its place, which begins after this sequence number.
    Replace,
}

impl Rest {
    /// Takes a segment.
    pub(crate) fn receive(&mut self, segment: &Segment, now: Nanos) -> RestAnswer {
        if segment.flags.rst {
            return if segment.seq == self.rcv_nxt {
                RestAnswer::Over(None)
            } else {
                RestAnswer::Nothing
            };
        }
        if segment.flags.syn && !segment.flags.ack {
            if !self.fin_wait_2 && segment.sent_at > self.echo.unwrap_or(0) {
                return RestAnswer::Replace;
            }
            return RestAnswer::Reply(self.acknowledgement(now));
        }
        let data_end = segment.seq + segment.payload.len() as u64;
        if self.fin_wait_2 {
            if data_end > self.rcv_nxt {
                return RestAnswer::Over(Some(segment.refusal()));
            }
            if segment.flags.fin && segment.seq <= self.rcv_nxt {
                self.rcv_nxt = segment.end();
                self.fin_wait_2 = false;
                self.echo = Some(segment.sent_at);
                self.until = now + TIME_WAIT;
                return RestAnswer::Reply(self.acknowledgement(now));
            }
            return RestAnswer::Nothing;
        }
        if segment.end() > segment.seq {
            if segment.flags.fin {
                self.until = now + TIME_WAIT;
            }
            return RestAnswer::Reply(self.acknowledgement(now));
        }
        RestAnswer::Nothing
    }

    fn acknowledgement(&self, now: Nanos) -> Segment {
        Segment {
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: Flags { ack: true, ..Flags::default() },
            window: self.window,
            sent_at: now,
            echo: self.echo,
            ..Segment::default()
        }
    }

    /// How long an orphan waits for the peer's end.
    pub(crate) fn patience(config: &Config) -> Nanos {
        config.fin_timeout
    }
}
