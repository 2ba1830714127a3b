//! The book: what has become of each key, which survives a loss of power.
//!
//! The first answer to a key is the answer ever after, also if it was a refusal. An undo that comes first
//! leaves an entry as well: what it undoes may still be on its way, and is refused when it comes.

use std::collections::BTreeMap;

use prost::Message;

use super::Kind;
use crate::journal::State;

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Fate {
    /// It was refused for good.
    Refused = 0,
    /// It is done, and in effect.
    Done = 1,
    /// It was done, and is undone.
    Undone = 2,
    /// It was undone before it was done, and so never will be.
    Barred = 3,
}

impl Fate {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Barred => "barred",
        }
    }
}

/// What the journal holds.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) order: String,
    #[prost(uint64, tag = "3")]
    pub(super) item: u64,
    #[prost(uint32, tag = "4")]
    pub(super) quantity: u32,
    #[prost(uint64, tag = "5")]
    pub(super) amount_minor: u64,
    #[prost(enumeration = "Fate", tag = "6")]
    pub(super) fate: i32,
}

impl Entry {
    fn is_of(&self, other: &Self) -> bool {
        let asks = |it: &Self| (it.item, it.quantity, it.amount_minor);
        asks(self) == asks(other) && self.order == other.order
    }

    fn with(&self, fate: Fate) -> Self {
        Self { fate: fate.into(), ..self.clone() }
    }
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It cannot be had.
    Refused,
    /// It was undone.
    Undone,
    /// The key is that of something else.
    Another,
    /// There is no place for another key.
    Full,
}

/// All keys.
#[derive(Debug)]
pub(super) struct Books {
    kind: Kind,
    entries_max: usize,
    by_key: BTreeMap<String, Entry>,
    in_effect: usize,
    bytes: u64,
}

impl Books {
    pub(super) fn new(kind: Kind, entries_max: usize) -> Self {
        Self { kind, entries_max, by_key: BTreeMap::new(), in_effect: 0, bytes: 0 }
    }

    /// Decides about something to be done, with `batch` on its way to the disk; says whether it was done
    /// before. `refuses` is asked only for a
    /// key that is new.
    pub(super) fn perform(
        &self,
        asked: &Entry,
        batch: &[Entry],
        refuses: impl FnOnce() -> bool,
    ) -> (Vec<Entry>, Result<bool, Refusal>) {
        let nothing = |answer| (Vec::new(), answer);
        match self.by_key.get(&asked.key) {
            Some(known) => match known.fate() {
                Fate::Barred => nothing(Err(Refusal::Undone)),
                _ if !known.is_of(asked) => nothing(Err(Refusal::Another)),
                Fate::Done => nothing(Ok(true)),
                Fate::Refused => nothing(Err(Refusal::Refused)),
                Fate::Undone => nothing(Err(Refusal::Undone)),
            },
            None if self.is_full(batch) => nothing(Err(Refusal::Full)),
            None if refuses() => (vec![asked.with(Fate::Refused)], Err(Refusal::Refused)),
            None => (vec![asked.with(Fate::Done)], Ok(false)),
        }
    }

    /// Decides about something to be undone; says whether there was nothing to undo.
    pub(super) fn undo(
        &self,
        key: &str,
        order: &str,
        batch: &[Entry],
    ) -> (Vec<Entry>, Result<bool, Refusal>) {
        match self.by_key.get(key) {
            Some(known) if known.fate() == Fate::Done => {
                (vec![known.with(Fate::Undone)], Ok(false))
            }
            Some(_) => (Vec::new(), Ok(true)),
            None if self.is_full(batch) => (Vec::new(), Err(Refusal::Full)),
            None => {
                let (key, order) = (key.to_owned(), order.to_owned());
                let entry = Entry { key, order, fate: Fate::Barred.into(), ..Entry::default() };
                (vec![entry], Ok(true))
            }
        }
    }

    fn is_full(&self, batch: &[Entry]) -> bool {
        let entering = batch.iter().filter(|entry| !self.by_key.contains_key(&entry.key)).count();
        self.by_key.len() + entering >= self.entries_max
    }

    /// Entries behind this key, in the order of their keys.
    pub(super) fn after(&self, key: &str, entries_max: usize) -> Vec<Entry> {
        use std::ops::Bound::{Excluded, Unbounded};
        let range = self.by_key.range::<str, _>((Excluded(key), Unbounded));
        range.take(entries_max).map(|(_, entry)| entry.clone()).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many are in effect.
    pub(super) fn in_effect(&self) -> usize {
        self.in_effect
    }
}

impl State for Books {
    type Record = Entry;

    fn apply(&mut self, entry: Entry) {
        let done = |entry: &Entry| usize::from(entry.fate() == Fate::Done);
        self.bytes += entry.encoded_len() as u64;
        self.in_effect += done(&entry);
        if let Some(before) = self.by_key.insert(entry.key.clone(), entry) {
            self.bytes -= before.encoded_len() as u64;
            self.in_effect -= done(&before);
        }
    }

    fn observe(&self, entry: &Entry, recovered: bool) {
        let Entry { order, key, .. } = entry;
        let message = match entry.fate() {
            Fate::Refused => "refused for good",
            Fate::Done => self.kind.done(),
            Fate::Undone => self.kind.undone(),
            Fate::Barred => "undone before it was done",
        };
        tracing::info!(order, key, recovered, "{message}");
    }

    fn snapshot(&self) -> Vec<Entry> {
        self.by_key.values().cloned().collect()
    }

    fn snapshot_bytes(&self) -> u64 {
        self.bytes
    }
}
