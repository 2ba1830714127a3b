//! One endpoint of a dependency: its channel, what is in flight to it, and how it stands.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Uri;
use tonic::{
    Code, Request,
    transport::{self, Channel},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{
    config::Config,
    endpoint_metrics::EndpointMetrics,
    standing::{Check, Standing},
};
use crate::{server::connect, tls::Trust};

/// An endpoint of a dependency.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// `host:port`.
    pub(super) address: String,
    transport: transport::Endpoint,
    trust: Option<Trust>,
    channel: Channel,
    in_flight: AtomicUsize,
    standing: Mutex<Standing>,
    pub(super) metrics: EndpointMetrics,
}

impl Endpoint {
    pub(super) fn new(
        uri: Uri,
        config: &Config,
        trust: Option<&Trust>,
        metrics: EndpointMetrics,
    ) -> Self {
        let address = uri.authority().map(ToString::to_string).unwrap_or_default();
        let transport = tuned(uri, config);
        let channel = connect(&transport, trust);
        let (in_flight, standing) = (AtomicUsize::new(0), Mutex::default());
        let trust = trust.cloned();
        Self { address, transport, trust, channel, in_flight, standing, metrics }
    }

    /// The shared, multiplexed channel.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A channel of one's own, which connects again.
    pub(super) fn another_channel(&self) -> Channel {
        connect(&self.transport, self.trust.as_ref())
    }

    /// Calls in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a call as in flight until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.metrics.in_flight.inc();
        InFlight(Arc::clone(self))
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks it for its health.
    pub(super) async fn check(&self, within: Duration) -> Check {
        let mut request = Request::new(HealthCheckRequest::default());
        request.set_timeout(within);
        match HealthClient::new(self.channel()).check(request).await {
            Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => Check::Serving,
            Ok(_) => Check::NotServing,
            // It is there, and knows no health.
            Err(status) if status.code() == Code::Unimplemented => Check::Serving,
            Err(_) => Check::NoAnswer,
        }
    }
}

/// A call in flight to an endpoint.
#[derive(Debug)]
#[must_use = "the call is no longer in flight when this is dropped"]
pub(super) struct InFlight(Arc<Endpoint>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.in_flight.dec();
    }
}

/// The tuning of a channel.
///
/// A peer that lost its power or its network sends nothing, and TCP takes minutes to give up on
/// it; HTTP/2 pings, also while idle, find out in a second or two, and the next call connects
/// again. Calls that ran into their deadline are resets on a connection that is otherwise well, so
/// late answers to them must not count against it: h2 would close the connection after a while.
fn tuned(uri: Uri, config: &Config) -> transport::Endpoint {
    let streams = config.bulkhead;
    transport::Endpoint::from(uri)
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .http2_keep_alive_interval(Duration::from_millis(config.keep_alive_interval_ms))
        .keep_alive_timeout(Duration::from_millis(config.keep_alive_timeout_ms))
        .keep_alive_while_idle(true)
        .initial_connection_window_size(1024 * 1024)
        .buffer_size(streams.max(1))
        .http2_max_concurrent_reset_streams(streams)
        .http2_reset_stream_duration(Duration::from_secs(1))
        .http2_max_local_error_reset_streams(None)
}
