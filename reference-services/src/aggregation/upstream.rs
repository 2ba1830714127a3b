//! One dependency as the API knows it: a shared channel and the guards around it.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    Error,
    config::Config,
    defect::{Defect, Defects},
    metrics::CallMetrics,
};
use crate::{
    breaker::Breaker,
    budget::RetryBudget,
    bulkhead::{self, Bulkhead},
    config::Live,
    dependency::Kind,
};

/// The pause before a dependency that did not answer is asked for its health again.
const REACH_RETRY: Duration = Duration::from_millis(50);

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
    endpoint: Endpoint,
    channel: Channel,
}

impl Upstream {
    pub(super) fn new(
        kind: Kind,
        live: &Live<Config>,
        metrics: CallMetrics,
    ) -> Result<Self, Error> {
        let config = live.get();
        let endpoint = endpoint(kind, &config)?;
        let channel = endpoint.connect_lazy();
        let defects = Defects::from(&config.defects);
        let mut breaker = config.breaker.clone();
        if defects.has(Defect::BreakerTripsEarly) {
            // Defect: nobody asks of how many calls the failures are a share.
            breaker.calls_min = 1;
        }
        Ok(Self {
            kind,
            bulkhead: Bulkhead::new(config.bulkhead),
            breaker: Breaker::new(kind.name(), &breaker, metrics.breaker.clone()),
            budget: RetryBudget::new(config.retry.tokens_max, config.retry.token_ratio),
            config: live.clone(),
            metrics,
            defects,
            endpoint,
            channel,
        })
    }

    /// Takes a place in the bulkhead until the guard is dropped; `None` when all are taken.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        let held = self.bulkhead.enter()?;
        self.metrics.places.inc();
        Some(Place { _held: held, metrics: &self.metrics })
    }

    /// Connects, and asks the dependency for its health until it answers.
    pub(super) async fn reach(&self) {
        let mut health = HealthClient::new(self.channel.clone());
        loop {
            let mut request = Request::new(HealthCheckRequest::default());
            request.set_timeout(self.config.get().call_timeout());
            match health.check(request).await {
                Ok(_) => return,
                // It is there, and knows no health.
                Err(status) if status.code() == Code::Unimplemented => return,
                Err(_) => sleep(REACH_RETRY).await,
            }
        }
    }

    /// The shared, multiplexed channel.
    pub(super) fn channel(&self) -> Channel {
        if self.defects.has(Defect::ClientPerRequest) {
            // Defect: a client, and so a connection, for each call.
            return self.endpoint.connect_lazy();
        }
        self.channel.clone()
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

/// The tuning of a channel.
///
/// A peer that lost its power or its network sends nothing, and TCP takes minutes to give up on
/// it; HTTP/2 pings, also while idle, find out in a second or two, and the next call connects
/// again. Calls that ran into their deadline are resets on a connection that is otherwise well, so
/// late answers to them must not count against it: h2 would close the connection after a while.
fn endpoint(kind: Kind, config: &Config) -> Result<Endpoint, Error> {
    let streams = config.bulkhead;
    Ok(Endpoint::from(config.upstreams.uri(kind)?)
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .http2_keep_alive_interval(Duration::from_millis(config.keep_alive_interval_ms))
        .keep_alive_timeout(Duration::from_millis(config.keep_alive_timeout_ms))
        .keep_alive_while_idle(true)
        .initial_connection_window_size(1024 * 1024)
        .buffer_size(streams.max(1))
        .http2_max_concurrent_reset_streams(streams)
        .http2_reset_stream_duration(Duration::from_secs(1))
        .http2_max_local_error_reset_streams(None))
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
        metrics: impl Fn(Kind) -> CallMetrics,
    ) -> Result<Self, Error> {
        let upstream = |kind| Upstream::new(kind, config, metrics(kind)).map(Arc::new);
        Ok(Self {
            inventory: upstream(Kind::Inventory)?,
            pricing: upstream(Kind::Pricing)?,
            reviews: upstream(Kind::Reviews)?,
            recommendations: upstream(Kind::Recommendations)?,
        })
    }
}
