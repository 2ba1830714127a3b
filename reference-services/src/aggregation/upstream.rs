//! One dependency as the API knows it: its endpoints and the guards around all of them.

use std::sync::Arc;

use tonic::transport::Channel;

use super::{
    Error,
    config::Config,
    defect::{Defect, Defects},
    endpoint::Endpoint,
    endpoints::Endpoints,
    hedge::Hedging,
    metrics::CallMetrics,
};
use crate::{
    breaker::Breaker,
    budget::RetryBudget,
    bulkhead::{self, Bulkhead},
    config::Live,
    dependency::Kind,
    tls::Trust,
};

/// What all calls to one dependency share.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) kind: Kind,
    bulkhead: Bulkhead,
    pub(super) breaker: Breaker,
    pub(super) budget: RetryBudget,
    pub(super) config: Live<Config>,
    pub(super) metrics: CallMetrics,
    pub(super) defects: Defects,
    pub(super) endpoints: Endpoints,
    /// Nothing if there is nowhere to go, or it is off.
    pub(super) hedging: Option<Hedging>,
}

impl Upstream {
    fn new(
        kind: Kind,
        live: &Live<Config>,
        trust: Option<&Trust>,
        metrics: CallMetrics,
    ) -> Result<Self, Error> {
        let config = live.get();
        let defects = Defects::from(&config.defects);
        let mut breaker = config.breaker.clone();
        if defects.has(Defect::BreakerTripsEarly) {
            // Defect: nobody asks of how many calls the failures are a share.
            breaker.calls_min = 1;
        }
        let endpoints = Endpoints::new(kind, &config, trust, (defects, &metrics.endpoints))?;
        let hedging = endpoints.several().then(|| Hedging::new(&config.hedge)).flatten();
        Ok(Self {
            kind,
            bulkhead: Bulkhead::new(config.bulkhead),
            breaker: Breaker::new(kind.name(), &breaker, metrics.breaker.clone()),
            budget: RetryBudget::new(config.retry.tokens_max, config.retry.token_ratio),
            config: live.clone(),
            metrics,
            defects,
            endpoints,
            hedging,
        })
    }

    /// Takes a place in the bulkhead until the guard is dropped; `None` when all are taken.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        let held = self.bulkhead.enter()?;
        self.metrics.places.inc();
        Some(Place { _held: held, metrics: &self.metrics })
    }

    /// The shared, multiplexed channel to one of the endpoints.
    pub(super) fn channel(&self, endpoint: &Endpoint) -> Channel {
        if self.defects.has(Defect::ClientPerRequest) {
            // Defect: a client, and so a connection, for each call.
            return endpoint.another_channel();
        }
        endpoint.channel()
    }
}

/// A place in the bulkhead, as its metrics show it.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub(super) struct Place<'a> {
    _held: bulkhead::Place<'a>,
    metrics: &'a CallMetrics,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.metrics.places.dec();
    }
}

/// The four dependencies.
#[derive(Debug)]
pub(super) struct UpstreamSet {
    pub(super) inventory: Arc<Upstream>,
    pub(super) pricing: Arc<Upstream>,
    pub(super) reviews: Arc<Upstream>,
    pub(super) recommendations: Arc<Upstream>,
}

impl UpstreamSet {
    pub(super) fn new(
        config: &Live<Config>,
        trust: Option<&Trust>,
        metrics: impl Fn(Kind) -> CallMetrics,
    ) -> Result<Self, Error> {
        let upstream = |kind| Upstream::new(kind, config, trust, metrics(kind)).map(Arc::new);
        Ok(Self {
            inventory: upstream(Kind::Inventory)?,
            pricing: upstream(Kind::Pricing)?,
            reviews: upstream(Kind::Reviews)?,
            recommendations: upstream(Kind::Recommendations)?,
        })
    }
}
