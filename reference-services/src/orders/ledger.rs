//! The orders and the outbox: what of the service survives a loss of power, and what is decided from it.
//!
//! What an order comes to and the event that says so are changes of one decision, and so of one frame of
//! the journal: there is never one without the other.

use std::collections::{BTreeMap, VecDeque};

use prost::Message;

use super::{
    defect::Defect,
    record::{Change, Event, Moved, Order, Record},
    saga::{Outcome, Stage},
};
use crate::journal::State;

/// What bounds a ledger, and what is wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Orders that are not final.
    pub(super) open_max: usize,
    /// Final ones that are remembered.
    pub(super) final_max: usize,
    /// Events that were not delivered, those of open orders that are still to come included.
    pub(super) outbox_max: usize,
    /// Defect: an event is sent as such and not written down.
    pub(super) dual_write: bool,
    /// Defect: an order that turns back is cancelled as it is.
    pub(super) no_compensation: bool,
}

impl Terms {
    pub(super) fn of(config: &super::Config) -> Self {
        let has = |defect| config.defects.contains(&defect);
        Self {
            open_max: config.open_max,
            final_max: config.final_max,
            outbox_max: config.outbox_max,
            dual_write: has(Defect::DualWrite),
            no_compensation: has(Defect::NoCompensation),
        }
    }
}

/// What came of an order that was handed in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Placed {
    /// It is a new one.
    New(Order),
    /// It was handed in before, and this is where it is.
    Before(Stage),
    /// There is another one with this id.
    Another,
    /// There is no place for it.
    Full,
}

/// All orders that are not final, the last ones that are, and the outbox.
#[derive(Debug)]
pub(super) struct Ledger {
    terms: Terms,
    open: BTreeMap<String, Order>,
    finals: BTreeMap<String, Order>,
    /// In the order in which they became final.
    finals_order: VecDeque<String>,
    /// Events that were not delivered, by number.
    outbox: BTreeMap<u64, Event>,
    /// The number of the last event.
    last: u64,
    bytes: u64,
}

impl Ledger {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            open: BTreeMap::new(),
            finals: BTreeMap::new(),
            finals_order: VecDeque::new(),
            outbox: BTreeMap::new(),
            last: 0,
            bytes: 0,
        }
    }

    /// Decides about an order that is handed in, with `batch` on its way to the disk.
    pub(super) fn place(&self, order: Order, batch: &[Record]) -> (Vec<Record>, Placed) {
        if let Some(known) = self.find(&order.id) {
            let same = known.asks_for_the_same(&order);
            let known = if same { Placed::Before(known.stage()) } else { Placed::Another };
            return (Vec::new(), known);
        }
        let is_order = |record: &&Record| matches!(record.change, Some(Change::Order(_)));
        let entering = batch.iter().filter(is_order).count();
        let open = self.open.len() + entering + 1;
        // Each open order has one event to come, and a new one is the first of its order.
        let events = self.outbox.len() + entering + 1 + open;
        if open > self.terms.open_max || events > self.terms.outbox_max {
            return (Vec::new(), Placed::Full);
        }
        (self.with_event(Change::Order(Box::new(order.clone())), &order), Placed::New(order))
    }

    /// Decides where an order is that was at `from`; that is where the answer says that it is then.
    pub(super) fn advance(
        &self,
        id: &str,
        from: Stage,
        outcome: Outcome,
        reason: &str,
    ) -> (Vec<Record>, Option<Order>) {
        let Some(order) = self.open.get(id).filter(|order| order.stage() == from) else {
            return (Vec::new(), self.find(id).cloned());
        };
        let mut stage = from.after(outcome);
        if self.terms.no_compensation && stage >= Stage::CancelShipment {
            // Defect: what was done stays done.
            stage = Stage::Cancelled;
        }
        let mut order = order.clone();
        order.move_to(stage, reason);
        let moved = Moved { id: id.to_owned(), stage: stage.into(), reason: reason.to_owned() };
        let changes = if stage.is_final() {
            self.with_event(Change::Moved(moved), &order)
        } else {
            vec![Change::Moved(moved).into()]
        };
        (changes, Some(order))
    }

    /// A change, and the event that tells of it.
    fn with_event(&self, change: Change, order: &Order) -> Vec<Record> {
        if self.terms.dual_write {
            // Defect: whoever made the change is trusted to send the event, too.
            return vec![change.into()];
        }
        vec![change.into(), Change::Event(Event::of(order)).into()]
    }

    /// Decides that events up to this number were delivered.
    pub(super) fn sent(&self, number: u64) -> Vec<Record> {
        let waits = self.outbox.first_key_value().is_some_and(|(first, _)| *first <= number);
        if waits { vec![Change::Sent(number).into()] } else { Vec::new() }
    }

    /// An order that is remembered.
    pub(super) fn find(&self, id: &str) -> Option<&Order> {
        self.open.get(id).or_else(|| self.finals.get(id))
    }

    /// The orders that are not final.
    pub(super) fn open(&self) -> impl ExactSizeIterator<Item = &Order> {
        self.open.values()
    }

    /// How many final ones are remembered.
    pub(super) fn finals(&self) -> usize {
        self.finals.len()
    }

    /// How many events were not delivered.
    pub(super) fn unsent(&self) -> usize {
        self.outbox.len()
    }

    /// The oldest of them.
    pub(super) fn oldest(&self, events_max: usize) -> Vec<Event> {
        self.outbox.values().take(events_max).cloned().collect()
    }

    fn enter(&mut self, order: Order) {
        self.bytes += order.encoded_len() as u64;
        if !order.stage().is_final() {
            self.open.insert(order.id.clone(), order);
            return;
        }
        self.finals_order.push_back(order.id.clone());
        self.finals.insert(order.id.clone(), order);
        if self.finals_order.len() > self.terms.final_max
            && let Some(oldest) = self.finals_order.pop_front()
            && let Some(order) = self.finals.remove(&oldest)
        {
            self.bytes -= order.encoded_len() as u64;
        }
    }

    fn announce(&mut self, mut event: Event) {
        if event.number == 0 {
            event.number = self.last + 1;
        }
        self.last = self.last.max(event.number);
        self.bytes += event.encoded_len() as u64;
        self.outbox.insert(event.number, event);
    }

    fn forget(&mut self, number: u64) {
        self.last = self.last.max(number);
        let rest = self.outbox.split_off(&number.saturating_add(1));
        let sent = std::mem::replace(&mut self.outbox, rest);
        self.bytes -= sent.values().map(|event| event.encoded_len() as u64).sum::<u64>();
    }
}

impl Order {
    fn move_to(&mut self, stage: Stage, reason: &str) {
        self.stage = stage.into();
        if !reason.is_empty() {
            reason.clone_into(&mut self.reason);
        }
    }
}

impl State for Ledger {
    type Record = Record;

    fn apply(&mut self, record: Record) {
        match record.change {
            Some(Change::Order(order)) => self.enter(*order),
            Some(Change::Moved(moved)) => {
                if let Some(mut order) = self.open.remove(&moved.id) {
                    self.bytes -= order.encoded_len() as u64;
                    order.move_to(moved.stage(), &moved.reason);
                    self.enter(order);
                }
            }
            Some(Change::Event(event)) => self.announce(event),
            Some(Change::Sent(number)) => self.forget(number),
            // A change of a version to come would be refused by its journal's magic.
            None => {}
        }
    }

    fn observe(&self, record: &Record, recovered: bool) {
        match &record.change {
            Some(Change::Order(order)) if order.stage() == Stage::Reserve => {
                tracing::info!(order = order.id, recovered, "order placed");
            }
            Some(Change::Moved(moved)) => match moved.stage() {
                Stage::Completed => {
                    tracing::info!(order = moved.id, recovered, "order completed");
                }
                Stage::Cancelled => {
                    tracing::info!(order = moved.id, recovered, "order cancelled");
                }
                _ if !moved.reason.is_empty() => {
                    let Moved { id, reason, .. } = moved;
                    tracing::info!(order = id, recovered, reason, "order turned back");
                }
                _ => {}
            },
            Some(Change::Order(_) | Change::Event(_) | Change::Sent(_)) | None => {}
        }
    }

    fn snapshot(&self) -> Vec<Record> {
        let finals = self.finals_order.iter().filter_map(|id| self.finals.get(id));
        let orders = finals.chain(self.open.values()).cloned();
        let orders = orders.map(|order| Change::Order(Box::new(order)));
        // The events say which number comes next, if there are any.
        let before = self.outbox.first_key_value().map_or(self.last, |(first, _)| first - 1);
        let events = self.outbox.values().cloned().map(Change::Event);
        orders.chain([Change::Sent(before)]).chain(events).map(Record::from).collect()
    }

    fn snapshot_bytes(&self) -> u64 {
        self.bytes
    }
}
