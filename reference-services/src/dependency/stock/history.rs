//! The stock that was set, and the last changes of it in a ring. No clock, no tasks: what it answers
//! depends on what it was told alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::content;
use crate::pb::inventory::{Begin, Change, Changes, Snapshot, Stock};

/// Too many products have a stock that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// How a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Behind the revision that was asked for.
    Resumed,
    /// With a snapshot, because nothing was asked for.
    New,
    /// With a snapshot, because what was asked for is of another life of the server.
    OtherEpoch,
    /// With a snapshot, because what follows on the revision is forgotten.
    Compacted,
}

impl Beginning {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Resumed => "resumed",
            Self::New => "new",
            Self::OtherEpoch => "other epoch",
            Self::Compacted => "compacted",
        }
    }
}

/// Stock with a history of bounded length.
#[derive(Debug)]
pub(super) struct History {
    epoch: u64,
    /// The revision of the last change; 0 before the first.
    newest: u64,
    changes: VecDeque<Change>,
    changes_max: usize,
    set: BTreeMap<u64, u32>,
    products_max: usize,
}

impl History {
    /// Nothing has changed yet. The epoch must be another one in each life of the server, and not 0.
    pub(super) fn new(epoch: u64, changes_max: usize, products_max: usize) -> Self {
        Self {
            epoch,
            newest: 0,
            changes: VecDeque::new(),
            changes_max,
            set: BTreeMap::new(),
            products_max,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is on stock of a product.
    pub(super) fn stock(&self, product_id: u64) -> Stock {
        let stock = content::stock(product_id);
        let available = self.set.get(&product_id).copied().unwrap_or(stock.available);
        Stock { available, ..stock }
    }

    /// Sets the stock of a product.
    pub(super) fn set(&mut self, product_id: u64, available: u32) -> Result<Change, Full> {
        if !self.set.contains_key(&product_id) && self.set.len() >= self.products_max {
            return Err(Full);
        }
        self.newest += 1;
        let change = Change { revision: self.newest, product_id, available };
        self.set.insert(product_id, available);
        if self.changes.len() >= self.changes_max {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
        Ok(change)
    }

    /// How a watch begins that asks for this.
    pub(super) fn beginning(&self, begin: &Begin) -> Beginning {
        match () {
            () if begin.epoch == 0 => Beginning::New,
            () if begin.epoch != self.epoch => Beginning::OtherEpoch,
            () if self.place_of(begin.revision).is_none() => Beginning::Compacted,
            () => Beginning::Resumed,
        }
    }

    /// All of these products as they are.
    pub(super) fn snapshot(&self, products: &BTreeSet<u64>) -> Snapshot {
        let stocks = products.iter().map(|id| self.stock(*id)).collect();
        Snapshot { epoch: self.epoch, revision: self.newest, stocks }
    }

    /// What has happened to these products since `revision`, as far as the next `most` changes of
    /// whatever product go; nothing if not all of it is remembered.
    pub(super) fn since(
        &self,
        revision: u64,
        products: &BTreeSet<u64>,
        most: usize,
    ) -> Option<Changes> {
        let place = self.place_of(revision)?;
        let next = self.changes.iter().skip(place).take(most);
        let reached = next.clone().next_back().map_or(revision, |change| change.revision);
        let changes = next.filter(|change| products.contains(&change.product_id)).copied();
        Some(Changes {
            after: revision,
            revision: reached,
            newest: self.newest,
            changes: changes.collect(),
        })
    }

    /// Where in the ring the change is that follows on `revision`. One that is still to come can be
    /// waited for, and is followed by nothing until then.
    fn place_of(&self, revision: u64) -> Option<usize> {
        let behind = usize::try_from(self.newest.saturating_sub(revision)).ok()?;
        self.changes.len().checked_sub(behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(epoch: u64, revision: u64) -> Begin {
        Begin { product_ids: Vec::new(), epoch, revision }
    }

    fn history(changes: u64) -> History {
        let mut history = History::new(7, 3, 4);
        for number in 1..=changes {
            history.set(number % 2, 100).expect("room");
        }
        history
    }

    #[track_caller]
    fn check(history: &History, from: u64, most: usize, expected: Option<(&[u64], u64)>) {
        let since = history.since(from, &BTreeSet::from([1]), most);
        let found = since.as_ref().map(|it| {
            assert_eq!((it.after, it.newest), (from, history.newest));
            let revisions: Vec<u64> = it.changes.iter().map(|change| change.revision).collect();
            (revisions, it.revision)
        });
        assert_eq!(found, expected.map(|(revisions, reached)| (revisions.to_vec(), reached)));
    }

    #[test]
    fn what_follows_on_a_revision_is_told_as_long_as_it_is_remembered() {
        let five = history(5);
        check(&five, 5, 9, Some((&[], 5)));
        check(&five, 2, 9, Some((&[3, 5], 5)));
        check(&five, 2, 2, Some((&[3], 4)));
        check(&five, 1, 9, None);
        check(&history(0), 0, 9, Some((&[], 0)));
    }

    #[test]
    fn a_watch_resumes_in_its_epoch_only_and_where_history_begins_at_the_earliest() {
        let five = history(5);
        assert_eq!(five.beginning(&begin(0, 0)), Beginning::New);
        assert_eq!(five.beginning(&begin(8, 4)), Beginning::OtherEpoch);
        assert_eq!(five.beginning(&begin(7, 1)), Beginning::Compacted);
        assert_eq!(five.beginning(&begin(7, 2)), Beginning::Resumed);
        assert_eq!(five.beginning(&begin(7, 5)), Beginning::Resumed);
    }

    #[test]
    fn so_many_products_can_be_set() {
        let mut history = History::new(7, 3, 2);
        for (product, room) in [(1, true), (2, true), (3, false), (1, true)] {
            assert_eq!(history.set(product, 9).is_ok(), room, "{product}");
        }
        assert_eq!(history.newest, 3, "what was refused is no change");
        assert_eq!(history.stock(1).available, 9);
        assert_eq!(history.stock(3), content::stock(3));
    }
}
