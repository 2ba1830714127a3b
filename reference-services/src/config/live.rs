//! A configuration that may be replaced while it is used.
//!
//! Who needs a field asks for the configuration when it needs it, and keeps what it got for as long
//! as one thing takes: a request is answered by one configuration from its beginning to its end. Where
//! a new one comes from, and whether it may be used, is the matter of [`reload`](super::reload).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use prometheus_client::registry::Registry;
use serde::{Deserialize, Deserializer};
use tokio::sync::watch;

use super::reloads::Reloads;

/// What is told of a new configuration.
type Listener<C> = Box<dyn Fn(&C) + Send + Sync>;

/// The configuration of a service, as it is now. Clones are the same one.
pub struct Live<C> {
    shared: Arc<Shared<C>>,
    /// `None` when it is not read from anywhere.
    reloads: Option<Reloads>,
}

struct Shared<C> {
    now: RwLock<Arc<C>>,
    listeners: Mutex<Vec<Listener<C>>>,
    /// How often it was replaced.
    replaced: watch::Sender<u64>,
}

impl<C> Live<C> {
    /// One that is replaced by whoever has a clone and [`replace`](Self::replace)s it.
    #[must_use]
    pub fn new(config: C) -> Self {
        let shared = Shared {
            now: RwLock::new(Arc::new(config)),
            listeners: Mutex::default(),
            replaced: watch::Sender::new(0),
        };
        Self { shared: Arc::new(shared), reloads: None }
    }

    /// One whose further reading is counted.
    pub(super) fn counted(self, reloads: Reloads) -> Self {
        Self { reloads: Some(reloads), ..self }
    }

    /// Shows among the metrics of a service how often it was read again, if it is read at all.
    pub(crate) fn register(&self, registry: &mut Registry) {
        if let Some(reloads) = &self.reloads {
            reloads.register(registry);
        }
    }

    /// The configuration now.
    #[must_use]
    pub fn get(&self) -> Arc<C> {
        Arc::clone(&self.shared.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on it is this.
    pub fn replace(&self, config: C) {
        let config = Arc::new(config);
        let now = Arc::clone(&config);
        *self.shared.now.write().unwrap_or_else(PoisonError::into_inner) = now;
        self.listeners().iter().for_each(|listener| listener(&config));
        self.shared.replaced.send_modify(|replaced| *replaced += 1);
    }

    /// Tells of each further replacement.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.replaced.subscribe()
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Listener<C>>> {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: 'static> Live<C> {
    /// What follows from it, and is replaced with it.
    pub(crate) fn map<D: Send + Sync + 'static>(
        &self,
        part: impl Fn(&C) -> D + Send + Sync + 'static,
    ) -> Live<D> {
        let mapped = Live::new(part(&self.get()));
        let replaced = mapped.clone();
        self.listeners().push(Box::new(move |config| replaced.replace(part(config))));
        mapped
    }
}

impl<C> Clone for Live<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), reloads: self.reloads.clone() }
    }
}

impl<C> From<C> for Live<C> {
    fn from(config: C) -> Self {
        Self::new(config)
    }
}

impl<'de, C: Deserialize<'de>> Deserialize<'de> for Live<C> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        C::deserialize(from).map(Self::new)
    }
}

impl<C: std::fmt::Debug> std::fmt::Debug for Live<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_it_is_replaced_with_it() {
        let whole = Live::new((1, "a"));
        let (first, held) = (whole.map(|(number, _)| number * 10), whole.get());
        let mut changes = first.changes();
        assert_eq!(*first.get(), 10);
        whole.clone().replace((2, "b"));
        assert_eq!((*whole.get(), *first.get(), *held), ((2, "b"), 20, (1, "a")));
        assert!(changes.has_changed().is_ok_and(|changed| changed));
        changes.mark_unchanged();
        assert!(changes.has_changed().is_ok_and(|changed| !changed));
    }
}
