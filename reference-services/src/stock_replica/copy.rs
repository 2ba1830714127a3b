//! A copy of stock, and how it goes on. No clock, no tasks: what it is depends on what it was told alone.

use std::collections::BTreeMap;

use crate::pb::inventory::{Begin, Change, Stock, WatchReply, watch_reply::Reply};

/// Why something that was told is not applied. The copy stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Wrong {
    /// Changes are missing before these, or these were there already.
    #[error("expected changes after revision {expected}, found some after {found}")]
    Gap { expected: u64, found: u64 },
    /// Their revisions are not in their order, or not where they should be.
    #[error("expected a revision from {from} to {to}, found {found}")]
    Order { from: u64, to: u64, found: u64 },
    /// There is nothing that changes could go on from.
    #[error("expected a snapshot first, found changes")]
    NoSnapshot,
    #[error("expected a snapshot or changes, found neither")]
    Nothing,
}

/// What was applied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Applied {
    Snapshot,
    Changes(Vec<Change>),
}

/// The stock of the products that are followed, at one revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StockCopy {
    epoch: u64,
    revision: u64,
    /// The newest revision that there is, as far as is known.
    newest: u64,
    stocks: BTreeMap<u64, Stock>,
}

impl StockCopy {
    /// Where the copy is: epoch, 0 before the first snapshot, and revision.
    pub(crate) fn position(&self) -> (u64, u64) {
        (self.epoch, self.revision)
    }

    /// Was it all that there was, when it was told last?
    pub(crate) fn is_complete(&self) -> bool {
        self.epoch != 0 && self.revision >= self.newest
    }

    pub(crate) fn stock(&self, product_id: u64) -> Option<&Stock> {
        self.stocks.get(&product_id)
    }

    /// Asks for what follows on this copy.
    pub(crate) fn begin(&self, product_ids: Vec<u64>) -> Begin {
        Begin { product_ids, epoch: self.epoch, revision: self.revision }
    }

    /// Goes on with what was told, all of it or nothing.
    pub(crate) fn apply(&mut self, reply: WatchReply) -> Result<Applied, Wrong> {
        match reply.reply {
            Some(Reply::Snapshot(snapshot)) => {
                let stocks = snapshot.stocks.into_iter();
                *self = Self {
                    epoch: snapshot.epoch,
                    revision: snapshot.revision,
                    newest: snapshot.revision,
                    stocks: stocks.map(|stock| (stock.product_id, stock)).collect(),
                };
                Ok(Applied::Snapshot)
            }
            Some(Reply::Changes(told)) => {
                if self.epoch == 0 {
                    return Err(Wrong::NoSnapshot);
                }
                if told.after != self.revision {
                    return Err(Wrong::Gap { expected: self.revision, found: told.after });
                }
                in_order(told.after, &told.changes, told.revision)?;
                for change in &told.changes {
                    if let Some(stock) = self.stocks.get_mut(&change.product_id) {
                        stock.available = change.available;
                    }
                }
                self.revision = told.revision;
                self.newest = told.newest;
                Ok(Applied::Changes(told.changes))
            }
            None => Err(Wrong::Nothing),
        }
    }
}

/// Are all revisions above `after`, none above `to`, each above the one before?
fn in_order(after: u64, changes: &[Change], to: u64) -> Result<(), Wrong> {
    if to < after {
        return Err(Wrong::Order { from: after, to: u64::MAX, found: to });
    }
    let mut from = after.saturating_add(1);
    for &Change { revision: found, .. } in changes {
        if !(from..=to).contains(&found) {
            return Err(Wrong::Order { from, to, found });
        }
        from = found.saturating_add(1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::inventory::{Changes, Snapshot};

    fn snapshot(epoch: u64, revision: u64, available: u32) -> WatchReply {
        let stock = |product_id| Stock { available, warehouse: "lis-1".to_owned(), product_id };
        let snapshot = Snapshot { epoch, revision, stocks: vec![stock(1), stock(2)] };
        WatchReply { reply: Some(Reply::Snapshot(snapshot)) }
    }

    fn changes(after: u64, revisions: &[u64], revision: u64, newest: u64) -> WatchReply {
        let change = |revision: &u64| Change {
            revision: *revision,
            product_id: 1,
            available: u32::try_from(*revision).expect("small"),
        };
        let changes = revisions.iter().map(change).collect();
        WatchReply { reply: Some(Reply::Changes(Changes { after, revision, newest, changes })) }
    }

    #[test]
    fn changes_go_on_where_the_copy_is() {
        let mut copy = StockCopy::default();
        assert_eq!(copy.apply(changes(0, &[1], 1, 1)), Err(Wrong::NoSnapshot));
        assert!(!copy.is_complete());
        copy.apply(snapshot(9, 4, 50)).expect("a snapshot");
        assert!(copy.is_complete());
        copy.apply(changes(4, &[6, 7], 8, 9)).expect("they follow");
        assert_eq!((copy.position(), copy.is_complete()), ((9, 8), false));
        assert_eq!(copy.stock(1).map(|it| it.available), Some(7));
        assert_eq!(copy.stock(2).map(|it| it.available), Some(50));
        copy.apply(changes(8, &[], 9, 9)).expect("nothing happened");
        assert!(copy.is_complete());
    }

    #[test]
    fn what_does_not_follow_is_not_applied() {
        let mut copy = StockCopy::default();
        copy.apply(snapshot(9, 4, 50)).expect("a snapshot");
        let before = copy.clone();
        let order = |from, to, found| Err(Wrong::Order { from, to, found });
        for (told, expected) in [
            (changes(3, &[4], 4, 4), Err(Wrong::Gap { expected: 4, found: 3 })),
            (changes(5, &[6], 6, 6), Err(Wrong::Gap { expected: 4, found: 5 })),
            (changes(4, &[6, 5], 6, 6), order(7, 6, 5)),
            (changes(4, &[5, 5], 6, 6), order(6, 6, 5)),
            (changes(4, &[4], 6, 6), order(5, 6, 4)),
            (changes(4, &[7], 6, 7), order(5, 6, 7)),
            (changes(4, &[], 3, 7), order(4, u64::MAX, 3)),
            (WatchReply { reply: None }, Err(Wrong::Nothing)),
        ] {
            assert_eq!(copy.apply(told.clone()), expected, "{told:?}");
            assert_eq!(copy, before, "{told:?}");
        }
    }
}
