//! What was sent and is not acknowledged: the retransmission queue with its marks.
//!
//! Each segment is a record. It can be sacked, lost or retransmitted, which the counters of
//! RFC 6675 follow. Records are in order of sequence, and besides in a list in the order in which
//! they were sent last, which is what RACK (RFC 8985) walks.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Nanos, rate::Snapshot};

/// A connection that does nothing has room for so many records.
const KEPT: usize = 4;

/// No record.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) end: u64,
    pub(crate) payload: Bytes,
    pub(crate) fin: bool,
    /// When it was sent last.
    pub(crate) sent_at: Nanos,
    pub(crate) sacked: bool,
    pub(crate) lost: bool,
    /// It was sent again since it was last taken for lost.
    pub(crate) retransmitted: bool,
    /// It was sent more than once.
    pub(crate) ever_retransmitted: bool,
    pub(crate) rate: Snapshot,
    earlier: u32,
    later: u32,
    listed: bool,
}

/// The retransmission queue.
#[derive(Debug, Default)]
pub(crate) struct Scoreboard {
    records: VecDeque<Record>,
    /// The number of the first record. Numbers stay while records before it go.
    first: u32,
    /// The records by when they were sent last.
    head: Option<u32>,
    tail: Option<u32>,
    pub(crate) sacked: u32,
    pub(crate) lost: u32,
    pub(crate) retransmitted: u32,
    /// The blocks that were taken last: only what they grow by is looked at.
    seen: Vec<(u64, u64)>,
    /// No record before this place is both lost and not sent again.
    hint: u32,
}

/// What a selective or cumulative acknowledgement says of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) end: u64,
    pub(crate) sent_at: Nanos,
    pub(crate) ever_retransmitted: bool,
    pub(crate) was_sacked: bool,
    pub(crate) rate: Snapshot,
}

impl Scoreboard {
    /// Segments that were sent and are not acknowledged.
    pub(crate) fn out(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Segments in the network, as far as is known (RFC 6675's pipe).
    pub(crate) fn in_flight(&self) -> u32 {
        (self.out() + self.retransmitted).saturating_sub(self.sacked + self.lost)
    }

    pub(crate) fn first(&self) -> Option<&Record> {
        self.records.front()
    }

    /// The number of the last record.
    pub(crate) fn last_number(&self) -> Option<u32> {
        self.out().checked_sub(1).map(|place| self.first.wrapping_add(place))
    }

    pub(crate) fn first_number(&self) -> Option<u32> {
        (!self.records.is_empty()).then_some(self.first)
    }

    pub(crate) fn get(&self, number: u32) -> &Record {
        &self.records[self.place(number)]
    }

    fn place(&self, number: u32) -> usize {
        number.wrapping_sub(self.first) as usize
    }

    fn at(&mut self, number: u32) -> &mut Record {
        let place = self.place(number);
        &mut self.records[place]
    }

    /// Takes a segment that is sent for the first time.
    pub(crate) fn push(
        &mut self,
        seq: u64,
        payload: Bytes,
        fin: bool,
        sent_at: Nanos,
        rate: Snapshot,
    ) {
        let end = seq + payload.len() as u64 + u64::from(fin);
        self.records.push_back(Record {
            seq,
            end,
            payload,
            fin,
            sent_at,
            sacked: false,
            lost: false,
            retransmitted: false,
            ever_retransmitted: false,
            rate,
            earlier: NONE,
            later: NONE,
            listed: false,
        });
        let number = self.first.wrapping_add(self.out() - 1);
        self.append(number);
    }

    /// Sends a record again: it is the last one that was sent. A `probe` does not count as a
    /// retransmission of something lost.
    pub(crate) fn resend(&mut self, number: u32, now: Nanos, rate: Snapshot, probe: bool) {
        self.unlist(number);
        let record = self.at(number);
        record.sent_at = now;
        record.ever_retransmitted = true;
        record.rate = rate;
        if !record.retransmitted && !probe {
            record.retransmitted = true;
            self.retransmitted += 1;
        }
        self.append(number);
    }

    fn append(&mut self, number: u32) {
        let tail = self.tail;
        let record = self.at(number);
        record.listed = true;
        record.later = NONE;
        record.earlier = tail.unwrap_or(NONE);
        match tail {
            Some(tail) => self.at(tail).later = number,
            None => self.head = Some(number),
        }
        self.tail = Some(number);
    }

    fn unlist(&mut self, number: u32) {
        let record = self.at(number);
        if !std::mem::take(&mut record.listed) {
            return;
        }
        let (earlier, later) = (record.earlier, record.later);
        let some = |number: u32| (number != NONE).then_some(number);
        match some(earlier) {
            Some(earlier) => self.at(earlier).later = later,
            None => self.head = some(later),
        }
        match some(later) {
            Some(later) => self.at(later).earlier = earlier,
            None => self.tail = some(earlier),
        }
    }

    /// Removes what is acknowledged up to `ack` and hands it to `delivered`. What is acknowledged
    /// in part keeps the rest.
    pub(crate) fn acknowledge(&mut self, ack: u64, mut delivered: impl FnMut(Delivered)) {
        while let Some(front) = self.records.front_mut() {
            if front.end > ack {
                if front.seq < ack {
                    let cut = usize::try_from(ack - front.seq).unwrap_or(usize::MAX);
                    let _ = front.payload.split_to(cut.min(front.payload.len()));
                    front.seq = ack;
                }
                break;
            }
            let number = self.first;
            self.uncount(number);
            self.unlist(number);
            if let Some(record) = self.records.pop_front() {
                self.first = self.first.wrapping_add(1);
                delivered(Delivered::of(&record));
            }
        }
        if self.records.is_empty() {
            // The next one takes the first place again, which is in the processor's cache.
            self.records.clear();
        }
        if self.place(self.hint) > self.records.len() {
            self.hint = self.first;
        }
        self.seen.retain(|(_, end)| *end > ack);
    }

    /// Gives back what a burst took, when nothing is under way.
    pub(crate) fn trim(&mut self) {
        if self.records.is_empty() && self.records.capacity() > KEPT {
            self.records.shrink_to(KEPT);
        }
    }

    fn uncount(&mut self, number: u32) {
        let record = self.at(number);
        let (sacked, lost, again) = (record.sacked, record.lost, record.retransmitted);
        self.sacked -= u32::from(sacked);
        self.lost -= u32::from(lost);
        self.retransmitted -= u32::from(again);
    }

    /// Marks what lies in the blocks as sacked and hands what is so for the first time to
    /// `delivered`.
    pub(crate) fn sack(&mut self, blocks: &[(u64, u64)], mut delivered: impl FnMut(Delivered)) {
        for &(from, to) in blocks {
            let (begin, mut from) = (from, from);
            // The part that an earlier acknowledgement said as well is known.
            if let Some((_, end)) = self.seen.iter().find(|(f, t)| *f <= from && from < *t) {
                from = *end;
            }
            if from >= to {
                continue;
            }
            let mut place = self.records.partition_point(|record| record.end <= from);
            while let Some(record) = self.records.get(place).filter(|record| record.end <= to) {
                if !record.sacked && record.seq >= begin {
                    let number = self.first.wrapping_add(u32::try_from(place).unwrap_or(0));
                    let was = Delivered::of(record);
                    self.uncount(number);
                    self.unlist(number);
                    let record = self.at(number);
                    (record.sacked, record.lost, record.retransmitted) = (true, false, false);
                    self.sacked += 1;
                    delivered(was);
                }
                place += 1;
            }
        }
        if !blocks.is_empty() {
            self.seen.clear();
            self.seen.extend_from_slice(blocks);
        }
    }

    /// Takes a record for lost, also one that was sent again.
    pub(crate) fn mark_lost(&mut self, number: u32) {
        let record = self.at(number);
        if record.sacked {
            return;
        }
        let (was_lost, again) = (record.lost, record.retransmitted);
        (record.lost, record.retransmitted) = (true, false);
        self.retransmitted -= u32::from(again);
        self.lost += u32::from(!was_lost);
        self.unlist(number);
        // Behind the hint nothing was lost so far.
        if self.place(number) < self.place(self.hint) {
            self.hint = number;
        }
    }

    /// Nothing is taken for lost any more.
    pub(crate) fn unmark_lost(&mut self) {
        for place in 0..self.out() {
            let number = self.first.wrapping_add(place);
            if self.get(number).lost {
                self.at(number).lost = false;
                let again = self.get(number).listed;
                if !again {
                    self.append(number);
                }
            }
        }
        self.lost = 0;
    }

    /// The first record that is lost and was not sent again.
    pub(crate) fn next_lost(&mut self) -> Option<u32> {
        if self.lost == 0 {
            return None;
        }
        let from = self.place(self.hint).min(self.records.len());
        let found = (from..self.records.len()).find(|place| {
            let record = &self.records[*place];
            record.lost && !record.retransmitted && !record.sacked
        });
        let place = found.unwrap_or(self.records.len());
        self.hint = self.first.wrapping_add(u32::try_from(place).unwrap_or(0));
        found.map(|_| self.hint)
    }

    /// The records from the one that was sent first, as long as `more` wants another one.
    pub(crate) fn walk_sent(&self, mut more: impl FnMut(u32, &Record) -> bool) {
        let mut next = self.head;
        while let Some(number) = next {
            let record = self.get(number);
            if !more(number, record) {
                return;
            }
            next = (record.later != NONE).then_some(record.later);
        }
    }

    /// Every record, in order of sequence.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        let (first, out) = (self.first, self.out());
        (0..out).map(move |place| first.wrapping_add(place))
    }

    /// The highest sequence number that was sacked.
    pub(crate) fn sacked_up_to(&self) -> Option<u64> {
        self.seen.iter().map(|(_, end)| *end).max()
    }
}

impl Delivered {
    fn of(record: &Record) -> Self {
        Self {
            end: record.end,
            sent_at: record.sent_at,
            ever_retransmitted: record.ever_retransmitted,
            was_sacked: record.sacked,
            rate: record.rate,
        }
    }
}
