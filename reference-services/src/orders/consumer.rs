//! The service that tells customers, as the orders know it.

use std::time::Duration;

use http::Uri;
use tokio::time::timeout;
use tonic::transport::Channel;

use super::record::Event;
use crate::{
    pb::notifications::{self, DeliverRequest, notifications_client::NotificationsClient},
    server::channel,
};

/// Delivers events.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    client: NotificationsClient<Channel>,
    timeout: Duration,
}

impl Consumer {
    pub(super) fn new(uri: Uri, timeout: Duration) -> Self {
        Self { client: NotificationsClient::new(channel(uri, None)), timeout }
    }

    /// Delivers these once. After an error nobody knows whether they were delivered.
    pub(super) async fn deliver(&self, events: &[Event]) -> Result<(), String> {
        let events = events.iter().map(|event| notifications::Event {
            id: event.id(),
            order: event.order.clone(),
            customer: event.customer.clone(),
            kind: event.kind.clone(),
            reason: event.reason.clone(),
        });
        let request = DeliverRequest { events: events.collect() };
        match timeout(self.timeout, self.client.clone().deliver(request)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => Err(status.message().to_owned()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}
