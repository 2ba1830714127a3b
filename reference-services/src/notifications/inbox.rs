//! The inbox: which events had their effect, which survives a loss of power.
//!
//! That an event is known and that its customer is told are one entry of the journal, so that there is
//! never one without the other. Who sends a letter instead of writing an entry needs an inbox, too, and a
//! post office that knows its letters by their ids.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use crate::journal::State;

/// What the journal holds: a customer was told of an event.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Told {
    /// The id of the event.
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) order: String,
    #[prost(string, tag = "3")]
    pub(super) customer: String,
    #[prost(string, tag = "4")]
    pub(super) kind: String,
    #[prost(string, tag = "5")]
    pub(super) reason: String,
}

/// The last events that customers were told of.
#[derive(Debug)]
pub(super) struct Inbox {
    events_max: usize,
    /// By their number, from 1 on.
    told: BTreeMap<u64, Told>,
    known: BTreeSet<String>,
    last: u64,
    bytes: u64,
    /// Defect: what is known is told again.
    pub(super) tells_again: bool,
}

impl Inbox {
    pub(super) fn new(events_max: usize) -> Self {
        let (told, known) = (BTreeMap::new(), BTreeSet::new());
        Self { events_max, told, known, last: 0, bytes: 0, tells_again: false }
    }

    /// Decides whom to tell, with `batch` on its way to the disk; says how many events were known.
    pub(super) fn deliver(&self, events: Vec<Told>, batch: &[Told]) -> (Vec<Told>, usize) {
        let delivered = events.len();
        let mut known: BTreeSet<&str> = batch.iter().map(|told| &*told.id).collect();
        let mut new = Vec::with_capacity(delivered);
        for event in &events {
            // Defect: an id says nothing.
            let told = self.known.contains(&event.id) && !self.tells_again;
            if !told && known.insert(&event.id) {
                new.push(event.clone());
            }
        }
        let repeated = delivered - new.len();
        (new, repeated)
    }

    /// What customers were told after this number, in order, each with its own.
    pub(super) fn after(&self, number: u64, events_max: usize) -> Vec<(u64, Told)> {
        let range = self.told.range(number.saturating_add(1)..);
        range.take(events_max).map(|(number, told)| (*number, told.clone())).collect()
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.told.len()
    }
}

impl State for Inbox {
    type Record = Told;

    fn apply(&mut self, told: Told) {
        self.last += 1;
        self.bytes += told.encoded_len() as u64;
        self.known.insert(told.id.clone());
        self.told.insert(self.last, told);
        if self.told.len() > self.events_max
            && let Some((_, oldest)) = self.told.pop_first()
        {
            self.bytes -= oldest.encoded_len() as u64;
            self.known.remove(&oldest.id);
        }
    }

    fn observe(&self, told: &Told, recovered: bool) {
        let Told { id, order, customer, kind, reason } = told;
        tracing::info!(event = id, order, customer, kind, reason, recovered, "customer notified");
    }

    fn snapshot(&self) -> Vec<Told> {
        self.told.values().cloned().collect()
    }

    fn snapshot_bytes(&self) -> u64 {
        self.bytes
    }
}
