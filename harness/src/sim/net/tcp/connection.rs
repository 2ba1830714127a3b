//! A connection: the states of RFC 9293, the calls of its process, and its timers.

use std::{io, rc::Rc};

use super::{
    Config, Flags, Nanos, Options, Request, Rest, SECOND, Segment, TIME_WAIT,
    receiver::{Receiver, WINDOW_FIRST},
    recovery::Ack,
    sender::{Outgoing, Sender},
};

/// Segments that fit in no window are answered this rarely (`tcp_invalid_ratelimit`), so that two
/// ends that disagree do not answer each other for ever.
const INVALID_EVERY: Nanos = SECOND / 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    Closed,
}

impl State {
    /// Has the handshake come to its end, and the connection not?
    pub(crate) fn is_synchronized(self) -> bool {
        !matches!(self, Self::SynSent | Self::SynReceived | Self::Closed)
    }

    /// May the process still send?
    pub(super) fn sends(self) -> bool {
        matches!(self, Self::Established | Self::CloseWait)
    }
}

/// What a step has changed for those outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The connection is no longer in the way of others; what is left of it stays so long.
    pub(crate) over: bool,
    pub(crate) rest: Option<Rest>,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) state: State,
    pub(super) config: Rc<Config>,
    pub(super) options: Options,
    pub(super) iss: u64,
    pub(super) mss: u32,
    pub(super) tx: Sender,
    pub(super) rx: Receiver,
    pub(super) handshake: Option<Handshake>,
    pub(super) error: Option<io::ErrorKind>,
    /// The process, or the end of the connection, has shut a direction down.
    pub(super) read_shut: bool,
    pub(super) write_shut: bool,
    /// The process has closed its socket.
    pub(super) orphan: bool,
    /// A writer has found no room.
    pub(super) no_space: bool,
    pub(super) linger_until: Option<Nanos>,
    pub(super) heard_at: Nanos,
    pub(super) keepalive_probes: u32,
    pub(super) keepalive_at: Option<Nanos>,
    pub(super) invalid_at: Option<Nanos>,
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) changes: Changes,
}

/// An active open.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) sent_at: Nanos,
    pub(super) retransmits: u32,
    pub(super) rto: Nanos,
    pub(super) timer: Nanos,
    mss: u32,
}

impl Connection {
    /// Opens a connection actively; `draw` is random.
    pub(crate) fn open(
        config: &Rc<Config>,
        options: &Options,
        iss: u64,
        mss: u32,
        draw: u32,
        now: Nanos,
        out: &mut Vec<Segment>,
    ) -> Self {
        let mut new = Self::new(config, options, State::SynSent, (iss, 0), (mss, mss), draw, now);
        let rto = config.rto_initial;
        new.handshake = Some(Handshake {
            sent_at: now,
            retransmits: 0,
            rto,
            timer: new.fires_in(rto, now),
            mss,
        });
        out.push(new.syn(now));
        new
    }

    /// The connection that a request has become.
    #[expect(clippy::too_many_arguments, reason = "what both sides of a handshake have said")]
    pub(crate) fn accepted(
        config: &Rc<Config>,
        options: &Options,
        request: &Request,
        own_mss: u32,
        rtt: Option<Nanos>,
        draw: u32,
        window: u64,
        now: Nanos,
    ) -> Self {
        let mss = request.mss.min(own_mss);
        let initial = (request.iss, request.irs);
        let mut new =
            Self::new(config, options, State::Established, initial, (mss, own_mss), draw, now);
        new.tx.begin(window, request.irs, rtt, now);
        if request.was_retransmitted() > 1 {
            new.tx.begin_carefully();
        }
        new.start_keepalive(now);
        new
    }

    fn new(
        config: &Rc<Config>,
        options: &Options,
        state: State,
        (iss, irs): (u64, u64),
        (mss, own_mss): (u32, u32),
        draw: u32,
        now: Nanos,
    ) -> Self {
        let mut tx = Sender::new(config, iss, mss, draw);
        tx.nodelay = options.nodelay;
        if let Some(bytes) = options.send_buffer {
            tx.set_buffer(bytes);
        }
        let mut rx = Receiver::new(config, irs, own_mss);
        if let Some(bytes) = options.receive_buffer {
            rx.set_buffer(bytes);
        }
        Self {
            state,
            config: Rc::clone(config),
            options: options.clone(),
            iss,
            mss: own_mss,
            tx,
            rx,
            handshake: None,
            error: None,
            read_shut: false,
            write_shut: false,
            orphan: false,
            no_space: false,
            linger_until: None,
            heard_at: now,
            keepalive_probes: 0,
            keepalive_at: None,
            invalid_at: None,
            outgoing: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// When a timer fires that is set to so long from now on.
    pub(super) fn fires_in(&self, wait: Nanos, now: Nanos) -> Nanos {
        self.tx.ticks.fires(now, now + wait)
    }

    /// What has changed since this was last asked for.
    pub(crate) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// What has gone wrong, once.
    pub(crate) fn take_error(&mut self) -> Option<io::ErrorKind> {
        self.error.take()
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.rx.has_data()
            || self.rx.finished
            || self.read_shut
            || self.error.is_some()
            || self.state == State::Closed
    }

    pub(crate) fn is_writable(&self) -> bool {
        (self.state.sends() && self.tx.is_writable())
            || self.write_shut
            || self.error.is_some()
            || self.state == State::Closed
    }

    /// Has the peer ended its stream, or the connection ended?
    pub(crate) fn is_read_closed(&self) -> bool {
        self.rx.finished || self.read_shut || self.state == State::Closed
    }

    pub(crate) fn is_write_closed(&self) -> bool {
        self.write_shut || self.state == State::Closed
    }

    pub(crate) fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Somebody waits for room to write, if there is none (`SOCK_NOSPACE`).
    pub(crate) fn want_room(&mut self) {
        self.no_space |= !self.is_writable();
    }

    /// Bytes that could be read at once.
    pub(crate) fn readable_bytes(&self) -> usize {
        self.rx.readable_bytes()
    }

    pub(crate) fn is_orphan(&self) -> bool {
        self.orphan
    }

    /// Changes settings of a connection that is.
    pub(crate) fn set_options(&mut self, options: Options, now: Nanos, out: &mut Vec<Segment>) {
        let hurried = options.nodelay && !self.options.nodelay;
        self.tx.nodelay = options.nodelay;
        if options.send_buffer != self.options.send_buffer
            && let Some(bytes) = options.send_buffer
        {
            self.tx.set_buffer(bytes);
        }
        if options.receive_buffer != self.options.receive_buffer
            && let Some(bytes) = options.receive_buffer
        {
            self.rx.set_buffer(bytes);
        }
        let keepalive = options.keepalive != self.options.keepalive
            || options.keepalive_time != self.options.keepalive_time;
        self.options = options;
        if keepalive {
            self.keepalive_at = None;
            self.start_keepalive(now);
        }
        if hurried && self.state.is_synchronized() {
            self.push(now, out);
        }
    }

    /// The sizes of the buffers: of what is sent, and of what is received.
    pub(crate) fn buffers(&self) -> (u64, u64) {
        (self.tx.buffer(), self.rx.buffer())
    }

    /// Bytes that the queues hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.tx.bytes() + self.rx.bytes()
    }

    /// Where the stream to the peer stands, and the one from it.
    pub(crate) fn sequence(&self) -> (u64, u64) {
        (self.tx.nxt, self.rx.nxt)
    }

    /// Takes a segment of the peer.
    pub(crate) fn receive(&mut self, segment: &Segment, now: Nanos, out: &mut Vec<Segment>) {
        match self.state {
            State::Closed => out.extend((!segment.flags.rst).then(|| segment.refusal())),
            State::SynSent => self.receive_in_syn_sent(segment, now, out),
            _ => self.receive_synchronized(segment, now, out),
        }
    }

    fn receive_in_syn_sent(&mut self, segment: &Segment, now: Nanos, out: &mut Vec<Segment>) {
        let Flags { syn, ack, rst, .. } = segment.flags;
        if ack && segment.ack != self.iss + 1 {
            out.extend((!rst).then(|| segment.refusal()));
            return;
        }
        if rst {
            if ack {
                self.finish(Some(io::ErrorKind::ConnectionRefused));
            }
            return;
        }
        if !syn {
            return;
        }
        let Some(handshake) = self.handshake.take() else { return };
        let mss = if segment.mss == 0 { 536 } else { segment.mss }.min(handshake.mss);
        let draw = u32::try_from(self.iss % 7).unwrap_or(0);
        self.tx = Sender::new(&self.config, self.iss, mss, draw);
        self.tx.nodelay = self.options.nodelay;
        if let Some(bytes) = self.options.send_buffer {
            self.tx.set_buffer(bytes);
        }
        self.rx = Receiver::new(&self.config, segment.seq, self.mss);
        if let Some(bytes) = self.options.receive_buffer {
            self.rx.set_buffer(bytes);
        }
        self.rx.echo = Some(segment.sent_at);
        self.heard_at = now;
        if !ack {
            // Both ends open at once.
            self.state = State::SynReceived;
            let rto = self.config.rto_initial;
            self.handshake = Some(Handshake { timer: self.fires_in(rto, now), rto, ..handshake });
            self.tx.begin(segment.window, segment.seq, None, now);
            out.push(self.syn(now));
            return;
        }
        let rtt = if handshake.retransmits == 0 {
            Some(now.saturating_sub(handshake.sent_at))
        } else {
            segment.echo.map(|echo| now.saturating_sub(echo))
        };
        self.establish(segment, rtt, handshake.retransmits, now);
        self.send_ack(now, out);
    }

    fn establish(&mut self, segment: &Segment, rtt: Option<Nanos>, retransmits: u32, now: Nanos) {
        self.state = State::Established;
        self.tx.begin(segment.window, segment.seq, rtt, now);
        if retransmits > 1 {
            self.tx.begin_carefully();
        }
        self.start_keepalive(now);
        self.changes.writable = true;
    }

    fn receive_synchronized(&mut self, segment: &Segment, now: Nanos, out: &mut Vec<Segment>) {
        let Flags { syn, ack, rst, fin } = segment.flags;
        if !self.rx.accepts(segment.seq, segment.end()) {
            if !rst {
                self.answer_invalid(segment, now, out);
            }
            return;
        }
        if rst {
            if segment.seq == self.rx.nxt {
                let error = match self.state {
                    State::CloseWait => io::ErrorKind::BrokenPipe,
                    State::SynReceived => io::ErrorKind::ConnectionRefused,
                    _ => io::ErrorKind::ConnectionReset,
                };
                self.finish(Some(error));
            } else {
                self.answer_invalid(segment, now, out);
            }
            return;
        }
        if syn && !(self.state == State::SynReceived && ack) {
            return self.answer_invalid(segment, now, out);
        }
        if !ack {
            return;
        }
        if segment.ack > self.tx.nxt + u64::from(self.state == State::SynReceived) {
            return self.answer_invalid(segment, now, out);
        }
        self.heard_at = now;
        self.keepalive_probes = 0;
        if segment.seq <= self.rx.nxt {
            self.rx.echo = Some(segment.sent_at.max(self.rx.echo.unwrap_or(0)));
        }
        if self.state == State::SynReceived {
            if segment.ack != self.iss + 1 {
                out.push(segment.refusal());
                return;
            }
            let handshake = self.handshake.take();
            let retransmits = handshake.map_or(0, |handshake| handshake.retransmits);
            self.establish(segment, None, retransmits, now);
            if self.orphan || self.write_shut {
                self.state = State::FinWait1;
            }
        }
        let taken = Ack {
            ack: segment.ack,
            seq: segment.seq,
            window: segment.window,
            has_data: !segment.payload.is_empty() || fin,
            sack: &segment.sack,
            echo: segment.echo,
        };
        let mut outgoing = self.take_outgoing();
        let advanced = self.tx.acknowledge(&taken, now, &mut outgoing);
        self.outgoing = outgoing;
        if advanced && self.tx.is_fin_acknowledged() {
            match self.state {
                State::FinWait1 => self.state = State::FinWait2,
                State::Closing => return self.rest(false, now),
                State::LastAck => return self.finish(None),
                _ => {}
            }
        }
        if !segment.payload.is_empty() || fin {
            self.receive_data(segment, now, out);
        }
        if self.state == State::Closed {
            return;
        }
        if self.orphan && self.state == State::FinWait2 {
            self.flush(now, out);
            return self.rest(true, now);
        }
        self.send_more(now);
        self.flush(now, out);
        self.heed_user_timeout(now);
        if self.no_space && self.tx.is_writable() && self.state.sends() {
            self.no_space = false;
            self.changes.writable = true;
        }
    }

    fn receive_data(&mut self, segment: &Segment, now: Nanos, out: &mut Vec<Segment>) {
        let fin = segment.flags.fin;
        let data_end = segment.seq + segment.payload.len() as u64;
        let closing = matches!(self.state, State::FinWait1 | State::FinWait2);
        if closing && self.read_shut && data_end > self.rx.nxt && !segment.payload.is_empty() {
            // Nobody will ever read this.
            out.push(segment.refusal());
            return self.finish(None);
        }
        if !(closing || self.state == State::Established) {
            // The peer has ended its stream: this can only be a repetition.
            return self.send_ack(now, out);
        }
        let was_finished = self.rx.finished;
        let received = self.rx.receive(segment.seq, &segment.payload, fin, segment.echo, now);
        self.changes.readable |= received.readable;
        if self.rx.finished && !was_finished {
            match self.state {
                State::Established => self.state = State::CloseWait,
                State::FinWait1 => self.state = State::Closing,
                State::FinWait2 => {
                    self.send_ack(now, out);
                    return self.rest(false, now);
                }
                _ => {}
            }
        }
        self.send_more(now);
        if self.outgoing.is_empty() {
            if received.acknowledge {
                self.send_ack(now, out);
            } else {
                self.rx.delay_ack(self.tx.rtt.smoothed(), now);
            }
        }
    }

    /// A segment lies outside of the window, or says what cannot be: the peer is told where this
    /// end stands (RFC 5961).
    fn answer_invalid(&mut self, segment: &Segment, now: Nanos, out: &mut Vec<Segment>) {
        let limited = segment.payload.is_empty() || segment.flags.syn;
        if limited && self.invalid_at.is_some_and(|at| now.saturating_sub(at) < INVALID_EVERY) {
            return;
        }
        self.invalid_at = Some(now);
        if segment.end() <= self.rx.nxt && !segment.payload.is_empty() {
            self.rx.receive(segment.seq, &segment.payload, false, segment.echo, now);
        }
        self.send_ack(now, out);
    }

    /// The connection is over (`tcp_done`).
    pub(super) fn finish(&mut self, error: Option<io::ErrorKind>) {
        self.state = State::Closed;
        if self.error.is_none() {
            self.error = error;
        }
        (self.read_shut, self.write_shut) = (true, true);
        self.handshake = None;
        self.linger_until = None;
        self.keepalive_at = None;
        self.tx.purge();
        self.changes.readable = true;
        self.changes.writable = true;
        self.changes.over = true;
    }

    /// Only a rest of the connection is left.
    pub(super) fn rest(&mut self, fin_wait_2: bool, now: Nanos) {
        let rest = Rest {
            snd_nxt: self.tx.nxt,
            rcv_nxt: self.rx.nxt,
            window: self.rx.open_window(),
            echo: self.rx.echo,
            fin_wait_2,
            until: now + if fin_wait_2 { Rest::patience(&self.config) } else { TIME_WAIT },
        };
        self.finish(None);
        self.changes.rest = Some(rest);
    }

    /// The list of what is to be sent. Between two steps all connections have one list: each with a
    /// list of its own would have it out of the processor's cache whenever it needs it.
    pub(super) fn take_outgoing(&mut self) -> Vec<Outgoing> {
        if self.outgoing.capacity() > 0 {
            std::mem::take(&mut self.outgoing)
        } else {
            self.config.outgoing.take()
        }
    }

    fn send_more(&mut self, now: Nanos) {
        let mut outgoing = self.take_outgoing();
        self.tx.output(now, false, &mut outgoing);
        self.outgoing = outgoing;
    }

    pub(super) fn push(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        if self.state == State::SynReceived {
            return;
        }
        self.send_more(now);
        self.flush(now, out);
    }

    pub(super) fn flush(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        for Outgoing { seq, payload, fin } in outgoing.drain(..) {
            if !payload.is_empty() {
                self.rx.data_sent(now);
            }
            let segment = self.segment(seq, now);
            out.push(Segment { payload, flags: Flags { fin, ..segment.flags }, ..segment });
        }
        if outgoing.capacity() > 0 {
            self.config.outgoing.replace(outgoing);
        }
    }

    pub(super) fn segment(&mut self, seq: u64, now: Nanos) -> Segment {
        let window = self.rx.acknowledge();
        let sack = if self.rx.has_blocks() { self.rx.take_blocks() } else { Vec::new() };
        Segment {
            seq,
            ack: self.rx.nxt,
            flags: Flags { ack: true, ..Flags::default() },
            window,
            sent_at: now,
            echo: self.rx.echo,
            sack,
            ..Segment::default()
        }
    }

    pub(super) fn send_ack(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        let segment = self.segment(self.tx.nxt, now);
        out.push(segment);
    }

    pub(super) fn syn(&self, now: Nanos) -> Segment {
        let answers = self.state == State::SynReceived;
        Segment {
            seq: self.iss,
            ack: if answers { self.rx.nxt } else { 0 },
            flags: Flags { syn: true, ack: answers, ..Flags::default() },
            window: WINDOW_FIRST,
            sent_at: now,
            echo: self.rx.echo,
            mss: self.mss,
            ..Segment::default()
        }
    }
}
