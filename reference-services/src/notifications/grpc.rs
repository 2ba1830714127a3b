//! The interface for those whose events customers are told of.

use std::time::Duration;

use tonic::{Request, Response, Status};

use super::{
    inbox::{Inbox, Told},
    metrics::Metrics,
};
use crate::{
    journal::{Keeper, Undecided},
    pb::notifications::{DeliverReply, DeliverRequest, Event, notifications_server::Notifications},
};

/// Events in one delivery.
const EVENTS_MAX: usize = 256;

/// Size of the id of an event and of each of its other texts.
const TEXT_BYTES_MAX: usize = 512;

/// Takes deliveries.
#[derive(Debug)]
pub(super) struct Deliveries {
    pub(super) keeper: Keeper<Inbox>,
    pub(super) cpu: Option<Duration>,
    pub(super) metrics: Metrics,
}

fn check(event: Event) -> Result<Told, Status> {
    let Event { id, order, customer, kind, reason } = event;
    let fits = [&id, &order, &customer, &kind, &reason]
        .into_iter()
        .all(|text| text.len() <= TEXT_BYTES_MAX);
    if id.is_empty() || !fits {
        let expected = format!("expected an id, and texts of at most {TEXT_BYTES_MAX} bytes");
        return Err(Status::invalid_argument(expected));
    }
    Ok(Told { id, order, customer, kind, reason })
}

#[tonic::async_trait]
impl Notifications for Deliveries {
    async fn deliver(
        &self,
        request: Request<DeliverRequest>,
    ) -> Result<Response<DeliverReply>, Status> {
        let DeliverRequest { events } = request.into_inner();
        let delivered = events.len();
        if delivered > EVENTS_MAX {
            let wrong = format!("expected at most {EVENTS_MAX} events, found {delivered}");
            return Err(Status::invalid_argument(wrong));
        }
        let events = events.into_iter().map(check).collect::<Result<Vec<_>, _>>()?;
        if let Some(cost) = self.cpu {
            squall_os::cpu::spend(cost * u32::try_from(delivered).unwrap_or(u32::MAX)).await;
        }
        // All deliveries are about the same inbox: one that comes again waits for the first.
        let decide = move |inbox: &Inbox, batch: &[Told]| inbox.deliver(events, batch);
        let repeated = self.keeper.decide("inbox", decide).await;
        let repeated = repeated.map_err(|undecided| {
            Status::unavailable(match undecided {
                Undecided::Disk => "the events could not be stored",
                Undecided::Gone => "the service is stopping",
            })
        })?;
        self.metrics.repeated.inc_by(repeated as u64);
        if repeated > 0 {
            tracing::info!(repeated, "events were delivered again");
        }
        Ok(Response::new(DeliverReply { repeated: u32::try_from(repeated).unwrap_or(u32::MAX) }))
    }
}
