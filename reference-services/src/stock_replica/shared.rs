//! The copy as those see it who answer from it, and how old it may be.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    copy::{Applied, StockCopy, Wrong},
    metrics::Metrics,
};
use crate::pb::inventory::{Begin, Stock, WatchReply};

/// Why a product is not answered for from the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is not followed.
    Product,
    /// There is no copy yet.
    Copy,
    /// The copy may be older than it may be.
    Old,
}

/// What is known of a product.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) stock: Stock,
    pub(super) revision: u64,
    /// It was so no longer ago than this.
    pub(super) age_max: Duration,
}

#[derive(Debug, Default)]
struct State {
    copy: StockCopy,
    /// When the copy was last known to be complete, if it is not any more.
    complete_until: Option<Instant>,
}

/// The copy, and what is expected of it.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    unready: Arc<AtomicBool>,
    products: u64,
    /// How long the inventory can have been gone while its stream is open.
    unnoticed: Duration,
    stale_max: Duration,
    metrics: Metrics,
}

impl Shared {
    pub(super) fn new(
        products: u64,
        unnoticed: Duration,
        stale_max: Duration,
        metrics: Metrics,
    ) -> Self {
        let unready = Arc::new(AtomicBool::new(true));
        Self { state: Mutex::default(), unready, products, unnoticed, stale_max, metrics }
    }

    /// Is so until there is a copy.
    pub(super) fn unready(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.unready)
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Asks for what follows on the copy.
    pub(super) fn begin(&self) -> Begin {
        self.lock().copy.begin((1..=self.products).collect())
    }

    /// Goes on with what was told, and returns the revision that the copy is at then.
    pub(super) fn apply(&self, reply: WatchReply) -> Result<u64, Wrong> {
        let mut state = self.lock();
        let applied = state.copy.apply(reply)?;
        let (epoch, revision) = state.copy.position();
        state.complete_until = match state.copy.is_complete() {
            true => None,
            false => state.complete_until.or_else(|| Some(Instant::now())),
        };
        drop(state);
        self.unready.store(false, Ordering::Relaxed);
        self.metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        match applied {
            Applied::Snapshot => {
                self.metrics.snapshots.inc();
                tracing::info!(revision, "snapshot taken");
            }
            Applied::Changes(changes) => {
                for change in changes {
                    self.metrics.applied.inc();
                    let number = format_args!("{epoch:016x}/{}", change.revision);
                    tracing::info!(change = %number, product = change.product_id, "stock applied");
                }
            }
        }
        Ok(revision)
    }

    /// The stream has ended: from now on nothing is known.
    pub(super) fn cut_off(&self) {
        self.lock().complete_until.get_or_insert_with(Instant::now);
    }

    /// What the copy knows of a product, and how old that may be.
    pub(super) fn find(&self, product_id: u64) -> Result<Known, Missing> {
        if !(1..=self.products).contains(&product_id) {
            return Err(Missing::Product);
        }
        let state = self.lock();
        let stock = state.copy.stock(product_id).ok_or(Missing::Copy)?.clone();
        let since = state.complete_until.map_or(Duration::ZERO, |until| until.elapsed());
        let age_max = self.unnoticed + since;
        if age_max > self.stale_max {
            return Err(Missing::Old);
        }
        Ok(Known { stock, revision: state.copy.position().1, age_max })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
