//! Follows the inventory: begins a stream where the copy is, applies what comes, acknowledges it, and
//! begins again when the stream has ended, for whatever reason.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

use super::{Config, Defect, shared::Shared};
use crate::{
    backoff::pause,
    config::{Invalid, Live},
    pb::inventory::{
        Applied, Begin, WatchReply, WatchRequest, inventory_client::InventoryClient,
        watch_request::Request,
    },
};

/// More than the largest snapshot.
const REPLY_BYTES_MAX: usize = 256 * 1024;

/// The connection to the inventory, for the stream and for calls.
///
/// A peer that lost its power or its network sends nothing, and neither does one whose stock does not
/// change. HTTP/2 pings tell them apart.
pub(super) fn connect(config: &Config) -> Result<InventoryClient<Channel>, Invalid> {
    let mut endpoint = Endpoint::from(config.inventory()?).connect_timeout(config.call_timeout());
    // Defect: nobody asks whether the other end is there, as long as nothing says that it is not.
    if !config.has(Defect::StreamWithoutKeepalive) {
        endpoint = endpoint
            .http2_keep_alive_interval(Duration::from_millis(config.keep_alive_interval_ms))
            .keep_alive_timeout(Duration::from_millis(config.keep_alive_timeout_ms))
            .keep_alive_while_idle(true);
    }
    let client = InventoryClient::new(endpoint.connect_lazy());
    Ok(client.max_decoding_message_size(REPLY_BYTES_MAX))
}

/// Follows for as long as it is polled.
pub(super) async fn follow(
    shared: Arc<Shared>,
    client: InventoryClient<Channel>,
    config: Live<Config>,
) -> Infallible {
    let mut last_pause = Duration::ZERO;
    loop {
        let mut told = false;
        let Err(status) =
            follow_once(&shared, client.clone(), config.get().call_timeout(), &mut told).await;
        shared.cut_off();
        shared.metrics().following.set(0);
        if told {
            last_pause = Duration::ZERO;
        }
        last_pause = pause(&config.get().backoff, last_pause, &mut rand::rng());
        let pause_ms = u64::try_from(last_pause.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(code = ?status.code(), reason = status.message(), pause_ms, "stream ended");
        sleep(last_pause).await;
    }
}

/// One stream, from its beginning until it ends.
async fn follow_once(
    shared: &Shared,
    mut client: InventoryClient<Channel>,
    patience: Duration,
    told: &mut bool,
) -> Result<Infallible, Status> {
    let begin = shared.begin();
    let (acknowledge, acknowledged) = watch::channel(begin.revision);
    let begun = async {
        let mut replies = client.watch(requests(begin, acknowledged)).await?.into_inner();
        let first = replies.message().await?;
        Ok::<_, Status>((replies, first))
    };
    // A server says at once where a watch goes on.
    let begun = timeout(patience, begun).await;
    let (mut replies, first) =
        begun.map_err(|_| Status::deadline_exceeded("no first message in time"))??;
    shared.metrics().streams.inc();
    shared.metrics().following.set(1);
    let mut next = first;
    loop {
        let reply = next.ok_or_else(|| Status::unavailable("the stream is over"))?;
        let revision = apply(shared, reply)?;
        *told = true;
        acknowledge.send_replace(revision);
        next = replies.message().await?;
    }
}

/// What is said: where to begin, and then how far the copy is. What was not sent in time is overtaken,
/// so that one acknowledgement waits at the most.
fn requests(
    begin: Begin,
    acknowledged: watch::Receiver<u64>,
) -> impl futures_util::Stream<Item = WatchRequest> {
    let request = |request| WatchRequest { request: Some(request) };
    let acknowledgements = stream::unfold(acknowledged, move |mut acknowledged| async move {
        acknowledged.changed().await.ok()?;
        let revision = *acknowledged.borrow_and_update();
        Some((request(Request::Applied(Applied { revision })), acknowledged))
    });
    stream::iter([request(Request::Begin(begin))]).chain(acknowledgements)
}

fn apply(shared: &Shared, reply: WatchReply) -> Result<u64, Status> {
    shared.apply(reply).map_err(|wrong| {
        tracing::warn!(%wrong, "what was told does not follow on the copy");
        Status::new(Code::DataLoss, wrong.to_string())
    })
}
