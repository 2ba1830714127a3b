//! What all calls that are about stock share: the history, who waits for it to go on, and how many may.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{
    super::Defect,
    config::StockConfig,
    history::{Beginning, Full, History},
};
use crate::pb::inventory::{Begin, Change, Changes, SetStockReply, Snapshot, Stock};

/// Changes that are looked at for one message.
pub(super) const SCAN_MAX: usize = 256;

/// Messages that wait for room on the wire.
const QUEUE_MAX: usize = 1;

/// How far a watcher may be told ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Messages that wait for room on the wire.
    pub(super) queued: usize,
    /// Revisions that are told and not acknowledged.
    pub(super) unacknowledged: u64,
    /// How long nothing may go on.
    pub(super) stalled: Duration,
}

/// Stock, and who watches it.
#[derive(Debug)]
pub(crate) struct Store {
    /// Nothing until somebody changes or watches something.
    history: Mutex<Option<History>>,
    newest: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
    places: Arc<Semaphore>,
    config: StockConfig,
    cpu: Option<Duration>,
    bounds: Bounds,
    ignores_epoch: bool,
}

impl Store {
    /// With what a call costs in microseconds, 0 for nothing, and what is wrong with it.
    pub(crate) fn new(stock: StockConfig, cpu_us: u64, has: impl Fn(Defect) -> bool) -> Self {
        let mut bounds = Bounds {
            queued: QUEUE_MAX,
            unacknowledged: stock.unacknowledged_max,
            stalled: Duration::from_millis(stock.stalled_ms),
        };
        if has(Defect::UnboundedStreamBuffer) {
            // Defect: whatever there is to be told is queued, whether anybody reads it or not.
            bounds.queued = Semaphore::MAX_PERMITS / 2;
            bounds.unacknowledged = u64::MAX;
        }
        Self {
            history: Mutex::new(None),
            newest: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            places: Arc::new(Semaphore::new(stock.watchers_max.min(Semaphore::MAX_PERMITS))),
            cpu: (cpu_us > 0).then(|| Duration::from_micros(cpu_us)),
            bounds,
            ignores_epoch: has(Defect::IgnoresEpoch),
            config: stock,
        }
    }

    pub(super) fn config(&self) -> &StockConfig {
        &self.config
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        self.cpu
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// A place among the watchers, if there is one.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// The newest revision, as it goes on.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Completes when the server stops.
    pub(super) async fn stopped(&self) {
        // The sender is kept as long as this.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Ends all watches, those to come included.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// What is on stock of a product.
    pub(crate) fn stock(&self, product_id: u64) -> Stock {
        match self.lock().as_ref() {
            Some(history) => history.stock(product_id),
            None => super::super::content::stock(product_id),
        }
    }

    /// Sets the stock of a product, and tells who watches it.
    pub(crate) fn set(&self, product_id: u64, available: u32) -> Result<SetStockReply, Full> {
        let (epoch, change) = self.with(|history| {
            history.set(product_id, available).map(|change| (history.epoch(), change))
        })?;
        let Change { revision, .. } = change;
        let number = format_args!("{epoch:016x}/{revision}");
        tracing::info!(change = %number, product = product_id, available, "stock changed");
        self.newest.send_replace(revision);
        Ok(SetStockReply { epoch, revision })
    }

    /// How a watch begins that asks for this.
    pub(super) fn beginning(&self, mut begin: Begin) -> Beginning {
        self.with(|history| {
            if self.ignores_epoch && begin.epoch != 0 {
                // Defect: a revision is a revision, whoever counted it.
                begin.epoch = history.epoch();
            }
            history.beginning(&begin)
        })
    }

    pub(super) fn snapshot(&self, products: &BTreeSet<u64>) -> Snapshot {
        self.with(|history| history.snapshot(products))
    }

    /// The next changes behind a revision; nothing if they are not all remembered.
    pub(super) fn since(&self, revision: u64, products: &BTreeSet<u64>) -> Option<Changes> {
        self.with(|history| history.since(revision, products, SCAN_MAX))
    }

    fn lock(&self) -> MutexGuard<'_, Option<History>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&mut History) -> T) -> T {
        let StockConfig { history_max, products_max, .. } = self.config;
        let mut history = self.lock();
        // Another epoch in each life: a revision of one means nothing in the next.
        act(history.get_or_insert_with(|| {
            let epoch = rand::rng().random_range(1..=u64::MAX);
            History::new(epoch, history_max, products_max)
        }))
    }
}
