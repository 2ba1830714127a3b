//! The counters of eventfd.

use std::{cell::Cell, io};

use libc::c_int;

use super::{
    epoll::{READABLE, WRITABLE},
    watch::notify,
};

/// The counter of an eventfd.
pub(crate) struct Event {
    count: Cell<u64>,
    semaphore: bool,
}

/// The most that the counter holds.
const EVENT_MAX: u64 = u64::MAX - 1;

impl Event {
    pub(crate) fn new(count: u32, semaphore: bool) -> Self {
        Self { count: Cell::new(u64::from(count)), semaphore }
    }

    /// What it is ready for, in the bits of epoll.
    pub(super) fn mask(&self) -> c_int {
        let readable = if self.count.get() > 0 { READABLE } else { 0 };
        let writable = if self.count.get() < EVENT_MAX { WRITABLE } else { 0 };
        readable | writable
    }

    /// Takes the count, or one of it, and tells whoever waits for the object of this number.
    pub(crate) fn take(&self, number: u32) -> io::Result<u64> {
        let count = self.count.get();
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = if self.semaphore { 1 } else { count };
        self.count.set(count - taken);
        notify(number);
        Ok(taken)
    }

    /// Adds to the count, and tells whoever waits for the object of this number.
    pub(crate) fn add(&self, number: u32, count: u64) -> io::Result<()> {
        if count == u64::MAX {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let sum = self.count.get().checked_add(count).filter(|sum| *sum <= EVENT_MAX);
        self.count.set(sum.ok_or(io::ErrorKind::WouldBlock)?);
        notify(number);
        Ok(())
    }
}
