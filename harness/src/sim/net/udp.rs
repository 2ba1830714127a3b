//! The receive queue of a UDP socket.

use std::{collections::VecDeque, io};

use bytes::Bytes;

use super::address::Endpoint;

/// `net.core.rmem_default`.
const RECEIVE_BUFFER: usize = 212_992;

/// The largest datagram: 65,535 bytes with the headers of IPv4 and UDP.
pub(crate) const DATAGRAM_MAX: usize = 65_507;

#[derive(Debug)]
pub(crate) struct Datagrams {
    queue: VecDeque<(Endpoint, Bytes)>,
    held: usize,
    buffer: usize,
    error: Option<io::ErrorKind>,
}

impl Default for Datagrams {
    fn default() -> Self {
        Self { queue: VecDeque::new(), held: 0, buffer: RECEIVE_BUFFER, error: None }
    }
}

impl Datagrams {
    /// Takes a datagram, if there is room for it. False if it is dropped.
    pub(crate) fn push(&mut self, from: Endpoint, bytes: Bytes) -> bool {
        let size = true_size(bytes.len());
        if self.held + size > self.buffer {
            return false;
        }
        self.held += size;
        self.queue.push_back((from, bytes));
        true
    }

    /// The next datagram; `peek` leaves it there.
    pub(crate) fn next(&mut self, peek: bool) -> io::Result<(Endpoint, Bytes)> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        let next = if peek { self.queue.front().cloned() } else { self.queue.pop_front() };
        let Some((from, bytes)) = next else { return Err(io::ErrorKind::WouldBlock.into()) };
        if !peek {
            self.held -= true_size(bytes.len());
        }
        Ok((from, bytes))
    }

    /// Is there a datagram? An error that waits is none, as with Tokio.
    pub(crate) fn is_readable(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The length of the next datagram.
    pub(crate) fn next_length(&self) -> usize {
        self.queue.front().map_or(0, |(_, bytes)| bytes.len())
    }

    pub(crate) fn has_error(&self) -> bool {
        self.error.is_some()
    }

    pub(crate) fn fail(&mut self, error: io::ErrorKind) {
        self.error = Some(error);
    }

    pub(crate) fn take_error(&mut self) -> Option<io::ErrorKind> {
        self.error.take()
    }

    pub(crate) fn set_buffer(&mut self, bytes: usize) {
        self.buffer = bytes;
    }

    pub(crate) fn buffer(&self) -> usize {
        self.buffer
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.held as u64
    }
}

/// The memory that a datagram takes up, as Linux counts it: a buffer of the allocator, and what
/// describes it. So 256 small datagrams fit by default, or 92 of 1,000 bytes, as on Linux 6.18.
fn true_size(payload: usize) -> usize {
    match payload {
        ..=256 => 832,
        _ => (payload + 364).next_power_of_two() + 256,
    }
}
