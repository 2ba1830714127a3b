//! What the process asks of a connection: reading, writing, shutting down and closing.

use std::io;

use bytes::Bytes;
use tokio::io::ReadBuf;

use super::{
    Flags, Nanos, Segment,
    connection::{Connection, State},
};

impl Connection {
    /// Reads what has arrived.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing has; what has happened to the connection, once.
    pub(crate) fn read(
        &mut self,
        buf: &mut ReadBuf<'_>,
        peek: bool,
        now: Nanos,
        out: &mut Vec<Segment>,
    ) -> io::Result<()> {
        if buf.remaining() == 0 {
            return Ok(());
        }
        if self.rx.has_data() {
            if self.rx.read(buf, peek, now) && self.state.is_synchronized() {
                self.send_ack(now, out);
            }
            return Ok(());
        }
        if self.rx.finished {
            return Ok(());
        }
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        if self.read_shut {
            return Ok(());
        }
        Err(match self.state {
            State::Closed => io::ErrorKind::NotConnected.into(),
            _ => io::ErrorKind::WouldBlock.into(),
        })
    }

    /// Queues as much of `bufs` as there is room for, and sends what may be sent.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; what has happened to the connection, once, and then
    /// `BrokenPipe`.
    pub(crate) fn write(
        &mut self,
        bufs: &[io::IoSlice<'_>],
        now: Nanos,
        out: &mut Vec<Segment>,
    ) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        if self.write_shut || self.state == State::Closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !self.state.sends() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let wanted = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let written = wanted.min(self.tx.room());
        if written > 0 {
            self.tx.push(gathered(bufs, written), now);
        }
        if written < wanted {
            self.no_space = true;
            if written == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        self.push(now, out);
        Ok(written)
    }

    /// Ends the stream to the peer.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no connection.
    pub(crate) fn shut_write(&mut self, now: Nanos, out: &mut Vec<Segment>) -> io::Result<()> {
        match self.state {
            State::Closed => return Err(io::ErrorKind::NotConnected.into()),
            State::SynSent => self.finish(None),
            _ => {
                self.write_shut = true;
                self.send_fin(now, out);
            }
        }
        self.changes.writable = true;
        Ok(())
    }

    /// Ends the stream from the peer, for the process.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no connection.
    pub(crate) fn shut_read(&mut self) -> io::Result<()> {
        if self.state == State::Closed {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.read_shut = true;
        self.changes.readable = true;
        Ok(())
    }

    /// The process closes its socket (`tcp_close`): what it has written still goes out, and what
    /// it has not read is answered with a reset.
    pub(crate) fn close(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        self.orphan = true;
        (self.read_shut, self.write_shut) = (true, true);
        self.keepalive_at = None;
        let unread = self.rx.discard();
        let abort = unread || self.options.linger.is_some_and(|linger| linger.is_zero());
        match self.state {
            State::SynSent | State::Closed => self.finish(None),
            _ if abort => self.abort(now, out),
            State::FinWait2 => self.rest(true, now),
            _ => {
                self.send_fin(now, out);
            }
        }
        self.changes.over |= self.state == State::Closed;
    }

    /// Resets the connection.
    pub(crate) fn abort(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        if self.state.is_synchronized() || self.state == State::SynReceived {
            let flags = Flags { rst: true, ack: true, ..Flags::default() };
            let segment = Segment {
                seq: self.tx.nxt,
                ack: self.rx.nxt,
                flags,
                sent_at: now,
                echo: self.rx.echo,
                ..Segment::default()
            };
            out.push(segment);
        }
        self.finish(None);
    }

    fn send_fin(&mut self, now: Nanos, out: &mut Vec<Segment>) {
        self.state = match self.state {
            State::Established | State::SynReceived => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return,
        };
        self.tx.close();
        self.push(now, out);
    }
}

/// The first bytes of several buffers in one piece, so that a segment of them is no second copy.
fn gathered(bufs: &[io::IoSlice<'_>], length: usize) -> Bytes {
    if let Some(first) = bufs.first().filter(|first| first.len() >= length) {
        return Bytes::copy_from_slice(&first[..length]);
    }
    let mut all = Vec::with_capacity(length);
    for buf in bufs {
        let part = buf.len().min(length - all.len());
        all.extend_from_slice(&buf[..part]);
    }
    all.into()
}
