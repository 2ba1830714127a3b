//! Reading whatever has arrived, also when the caller's buffer is smaller.
//!
//! The simulated stack advertises a larger window only when one read frees half of its receive
//! buffer. A reader with a small buffer would never free that much at once, and a sender that
//! had filled the window would wait for ever. So a read that fills the caller's buffer takes the
//! rest out of the stack as well and keeps it here for the reads that follow.

use std::{
    cell::RefCell,
    io,
    task::{Context, Poll, Waker},
};

use tokio::io::ReadBuf;

/// As much as the stack's receive buffer holds.
const CAPACITY: usize = 64 * 1024;

thread_local! {
    /// Where the stack puts what is read. It writes to initialised memory only, and callers
    /// like hyper offer kilobytes that are not, for each of many reads that find nothing.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Default)]
pub(super) struct Spill {
    bytes: Vec<u8>,
    read: usize,
}

impl Spill {
    /// Reads into `buf` from here, or from the stack through `read`.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        mut read: impl FnMut(&mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        if self.read < self.bytes.len() {
            let rest = &self.bytes[self.read..];
            let taken = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..taken]);
            self.read += taken;
            return Poll::Ready(Ok(()));
        }
        let polled = SCRATCH.with_borrow_mut(|scratch| {
            scratch.resize(CAPACITY, 0);
            let mut part = ReadBuf::new(&mut scratch[..buf.remaining().min(CAPACITY)]);
            let polled = read(cx, &mut part);
            buf.put_slice(part.filled());
            polled
        });
        if matches!(polled, Poll::Ready(Ok(()))) && buf.remaining() == 0 {
            self.refill(read);
        }
        polled
    }

    fn refill(
        &mut self,
        mut read: impl FnMut(&mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) {
        self.read = 0;
        self.bytes.resize(CAPACITY, 0);
        let mut buf = ReadBuf::new(&mut self.bytes);
        // An end or an error stays in the stack and meets the next read.
        let _ = read(&mut Context::from_waker(Waker::noop()), &mut buf);
        let filled = buf.filled().len();
        self.bytes.truncate(filled);
        if filled == 0 {
            self.bytes = Vec::new();
        }
    }
}
