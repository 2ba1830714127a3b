//! A way through a proxy, as its connections see it.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use crate::{draw::Seed, metrics::Metrics, toxics::Toxics};

/// Takes one sentence about what no client of the API is told.
#[derive(Clone)]
pub(crate) struct Log(pub(crate) Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// A way that connections take, as long as the proxy neither stops nor changes.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) proxy: Arc<str>,
    pub(crate) listen: String,
    pub(crate) upstream: String,
    pub(crate) seed: Seed,
    pub(crate) toxics: Arc<Toxics>,
    pub(crate) metrics: Arc<Metrics>,
    /// Counts the connections of the proxy, from its creation.
    pub(crate) accepted: Arc<AtomicU64>,
    /// The same for `/metrics`, where counters outlive a proxy.
    pub(crate) taken: Arc<AtomicU64>,
    pub(crate) log: Log,
}

impl Route {
    pub(crate) fn tell(&self, what: &str) {
        (self.log.0)(&format!("proxy {}: {what}", self.proxy));
    }
}
