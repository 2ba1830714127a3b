//! Watchers that do not read: each begins to watch, reads nothing for a while and acknowledges nothing,
//! and then looks at what has come of that.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use reference_services::pb::inventory::{
    Begin, WatchRequest, inventory_client::InventoryClient, watch_request,
};
use serde::Deserialize;
use squall::BoxError;
use tokio::{task::JoinSet, time::sleep};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

/// Who watches what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The inventory, as `http://host:port`.
    inventory: String,
    /// How many watch, each on a connection of its own.
    watchers: u64,
    /// Products are numbered from 1 to this; each watches all of them.
    products: u64,
    /// When they begin.
    from_ms: u64,
    /// For how long they do not read.
    idle_ms: u64,
}

/// Ends when the server has ended the last of the watches.
pub(super) async fn run(config: Config) -> Result<(), BoxError> {
    sleep(Duration::from_millis(config.from_ms)).await;
    // What a client can be sent before it reads: little, so that the rest is the server's to keep.
    let endpoint = Endpoint::from_shared(config.inventory)?
        .initial_stream_window_size(16 * 1024)
        .initial_connection_window_size(16 * 1024);
    let mut watchers = JoinSet::new();
    for _ in 0..config.watchers {
        let client = InventoryClient::new(endpoint.connect_lazy());
        let products = (1..=config.products).collect();
        watchers.spawn(async move {
            let code = watch(client, products, Duration::from_millis(config.idle_ms)).await;
            tracing::info!(?code, "idle watcher turned out");
        });
    }
    while let Some(ended) = watchers.join_next().await {
        ended?;
    }
    Ok(())
}

/// Watches without reading, and then reads until the server ends the watch.
async fn watch(
    mut client: InventoryClient<Channel>,
    product_ids: Vec<u64>,
    idle: Duration,
) -> Code {
    let begin = watch_request::Request::Begin(Begin { product_ids, epoch: 0, revision: 0 });
    let begin = WatchRequest { request: Some(begin) };
    // It goes on to say nothing.
    let requests = stream::iter([begin]).chain(stream::pending());
    let mut replies = match client.watch(requests).await {
        Ok(replies) => replies.into_inner(),
        Err(status) => return status.code(),
    };
    sleep(idle).await;
    loop {
        match replies.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return Code::Ok,
            Err(status) => return status.code(),
        }
    }
}
