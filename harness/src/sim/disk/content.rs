//! The content of one file: what processes see, and what survives a power loss.

use std::{ops::Range, time::SystemTime};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A file's bytes, in the cache and on the disk.
#[derive(Debug)]
pub(super) struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    pub(super) modified: SystemTime,
    /// Where the two may differ, below the length of `live`.
    dirty: Option<Range<usize>>,
    /// The least length since the last sync: from there on nothing durable is left of the file.
    shortest: usize,
    /// The last change, unless it is durable.
    last: Option<Change>,
}

/// What was changed last, so that part of it can be undone.
#[derive(Debug)]
enum Change {
    /// So many bytes were written to a place, over those `before`.
    Write { at: usize, len: usize, before: Vec<u8>, len_before: usize },
    /// The length was set, which cut `tail` off or added zeros.
    Length {
        tail: Vec<u8>,
        len_before: usize,
        dirty_before: Option<Range<usize>>,
        shortest_before: usize,
    },
}

impl Content {
    pub(super) fn new(now: SystemTime) -> Self {
        Self {
            live: Vec::new(),
            durable: Vec::new(),
            modified: now,
            dirty: None,
            shortest: 0,
            last: None,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    /// The memory that it takes.
    pub(super) fn memory_bytes(&self) -> i64 {
        let bytes = self.live.capacity() + self.durable.capacity();
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }

    /// At most so many bytes from `at` on; none behind the end.
    pub(super) fn read(&self, at: u64, bytes_max: usize) -> &[u8] {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(self.live.len());
        &self.live[at..at.saturating_add(bytes_max).min(self.live.len())]
    }

    /// Writes `data` to `at`; a gap before it is filled with zeros.
    pub(super) fn write(&mut self, at: usize, data: &[u8], now: SystemTime) {
        let (len_before, end) = (self.live.len(), at + data.len());
        let before = self.live.get(at..end.min(len_before)).unwrap_or_default().to_vec();
        self.live.resize(len_before.max(end), 0);
        self.live[at..end].copy_from_slice(data);
        self.touch(at.min(len_before)..end, now);
        self.last = Some(Change::Write { at, len: data.len(), before, len_before });
    }

    pub(super) fn set_len(&mut self, len: usize, now: SystemTime) {
        let before = self.live.len();
        let tail = self.live.get(len..).unwrap_or_default().to_vec();
        self.last = Some(Change::Length {
            tail,
            len_before: before,
            dirty_before: self.dirty.clone(),
            shortest_before: self.shortest,
        });
        self.shortest = self.shortest.min(len);
        self.live.resize(len, 0);
        self.touch(before.min(len)..len, now);
    }

    fn touch(&mut self, range: Range<usize>, now: SystemTime) {
        self.modified = now;
        self.dirty = Some(match self.dirty.take() {
            Some(dirty) => dirty.start.min(range.start)..dirty.end.max(range.end),
            None => range,
        });
    }

    /// Makes the content durable.
    pub(super) fn sync(&mut self) {
        self.durable.truncate(self.shortest);
        self.durable.resize(self.live.len(), 0);
        if let Some(dirty) = self.dirty.take() {
            let dirty = dirty.start.min(self.live.len())..dirty.end.min(self.live.len());
            self.durable[dirty.clone()].copy_from_slice(&self.live[dirty]);
        }
        self.shortest = self.live.len();
        self.last = None;
    }

    /// A sync has failed. The cache takes what it could not write for written, as that of Linux
    /// does: a later sync succeeds, and what was written before is still not durable.
    pub(super) fn fail_sync(&mut self) {
        self.dirty = None;
        self.shortest = self.live.len();
        self.last = None;
    }

    /// The power has failed: what was not synced is gone. If `tear` says so, it is there all the
    /// same, in order and as far as into the middle of the last change. Did that make a difference?
    pub(super) fn lose_power(&mut self, tear: Option<&mut ChaCha8Rng>) -> bool {
        let before = tear.is_some().then(|| self.durable.clone());
        if let (Some(rng), Some(last)) = (tear, self.last.take()) {
            self.undo_part_of(last, rng);
            self.sync();
        }
        self.live.clone_from(&self.durable);
        self.dirty = None;
        self.shortest = self.live.len();
        self.last = None;
        before.is_some_and(|before| before != self.durable)
    }

    /// Undoes the last change from some byte on. Neither a byte nor a length is there in part.
    fn undo_part_of(&mut self, last: Change, rng: &mut ChaCha8Rng) {
        match last {
            Change::Write { at, len, before, len_before } => {
                let kept = if len > 1 { rng.random_range(1..len) } else { 0 };
                let end = if kept > 0 { at + kept } else { 0 };
                self.live.truncate(len_before.max(end));
                // Nothing was overwritten behind the end, from which a write may be far.
                if let Some(before) = before.get(kept..).filter(|before| !before.is_empty()) {
                    self.live[at + kept..at + kept + before.len()].copy_from_slice(before);
                }
            }
            Change::Length { tail, len_before, dirty_before, shortest_before } => {
                if rng.random() {
                    self.live.truncate(len_before);
                    self.live.extend(tail);
                    (self.dirty, self.shortest) = (dirty_before, shortest_before);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
