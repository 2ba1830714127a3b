//! Watcher and copy together, under any sequence of changes, cuts and restarts: each change is applied
//! once and in order, none is missing, and a copy that says that it is complete is what there is.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::{StockConfig, Store, watcher::Watching};
use crate::{
    pb::inventory::{Change, WatchReply},
    stock_replica::{Applied, StockCopy},
};

const WATCHED: [u64; 3] = [1, 2, 3];

#[derive(Clone, Debug)]
enum Step {
    Set(u64, u32),
    /// The watcher is told the next message, if there is one.
    Tell,
    /// A message is lost with its stream, and the watch begins again.
    Cut,
    /// The inventory begins a new life, which ends the stream too.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let set = || (1..=5_u64, 0..100_u32).prop_map(|(product, to)| Step::Set(product, to));
    let step = prop_oneof![
        8 => set(),
        4 => Just(Step::Tell),
        2 => Just(Step::Cut),
        1 => Just(Step::Restart),
    ];
    vec(step, 0..200)
}

/// A new life of the inventory, which remembers four changes.
fn store() -> Store {
    let stock = StockConfig { history_max: 4, ..StockConfig::default() };
    Store::new(stock, 0, |_| false)
}

struct World {
    store: Store,
    watching: Watching,
    copy: StockCopy,
    /// What has changed since the last snapshot, of what is watched.
    changed: Vec<Change>,
    applied: Vec<Change>,
}

impl World {
    fn new() -> Self {
        let (store, copy) = (store(), StockCopy::default());
        let watching = Watching::begin(&store, copy.begin(WATCHED.into())).expect("a watch");
        Self { store, watching, copy, changed: Vec::new(), applied: Vec::new() }
    }

    fn begin(&mut self) {
        let begin = self.copy.begin(WATCHED.into());
        self.watching = Watching::begin(&self.store, begin).expect("a watch");
    }

    fn set(&mut self, product_id: u64, available: u32) {
        let reply = self.store.set(product_id, available).expect("room");
        if WATCHED.contains(&product_id) {
            self.changed.push(Change { revision: reply.revision, product_id, available });
        }
    }

    /// Returns whether there was anything to tell.
    fn tell(&mut self) -> Result<bool, TestCaseError> {
        let newest = *self.store.newest().borrow();
        if !self.watching.has_news(newest) {
            return Ok(false);
        }
        let Some(reply) = self.watching.next(&self.store) else { return Ok(true) };
        let before = self.copy.position();
        let applied = self.copy.apply(WatchReply { reply: Some(reply) });
        match applied.expect("what is told follows on the copy") {
            Applied::Snapshot => {
                let (epoch, revision) = self.copy.position();
                prop_assert!(epoch != before.0 || revision >= before.1, "a snapshot goes back");
                self.applied.clear();
                self.changed.retain(|change| change.revision > revision);
            }
            Applied::Changes(changes) => self.applied.extend(changes),
        }
        if self.copy.is_complete() {
            for product in WATCHED {
                let stock = self.store.stock(product);
                prop_assert_eq!(self.copy.stock(product), Some(&stock));
            }
        }
        Ok(true)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_goes_on_where_it_was(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Set(product, to) => world.set(product, to),
                Step::Tell => {
                    world.tell()?;
                }
                Step::Cut => {
                    let newest = *world.store.newest().borrow();
                    if world.watching.has_news(newest) {
                        let _ = world.watching.next(&world.store);
                    }
                    world.begin();
                }
                Step::Restart => {
                    world.store = store();
                    world.changed.clear();
                    world.begin();
                }
            }
        }
        while world.tell()? {}
        prop_assert!(world.copy.is_complete());
        let revisions: Vec<u64> = world.applied.iter().map(|change| change.revision).collect();
        let each: BTreeSet<u64> = revisions.iter().copied().collect();
        prop_assert_eq!(each.into_iter().collect::<Vec<_>>(), revisions, "once, and in order");
        prop_assert_eq!(world.applied, world.changed, "none is missing");
    }
}
