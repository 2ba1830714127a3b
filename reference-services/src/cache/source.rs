//! The catalog source as the cache knows it: ranges, page by page, and single items.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use super::{Config, entries::Entries};
use crate::{
    config::Invalid,
    pb::catalog::{GetItemRequest, ListItemsRequest, catalog_client::CatalogClient},
    server::connect,
    tls::Trust,
};

/// Time to connect; a page has its own.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// A client of the source.
#[derive(Debug)]
pub(super) struct Source {
    client: CatalogClient<Channel>,
    page_size: u32,
    page_timeout: Duration,
}

impl Source {
    pub(super) fn new(config: &Config, trust: Option<&Trust>) -> Result<Self, Invalid> {
        let endpoint = Endpoint::from(config.source_uri()?)
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(Duration::from_secs(1))
            .keep_alive_timeout(Duration::from_millis(500));
        let channel = connect(&endpoint, trust);
        let page_timeout = Duration::from_millis(config.warm_up.page_timeout_ms);
        let page_size = config.warm_up.page_size;
        Ok(Self { client: CatalogClient::new(channel), page_size, page_timeout })
    }

    /// Loads the items with `ids` ids from `first_id` on into `entries`. What has come before an
    /// error is kept.
    pub(super) async fn load(
        &self,
        first_id: u64,
        ids: u64,
        entries: &Entries,
    ) -> Result<(), Status> {
        let request = ListItemsRequest { first_id, ids, page_size: self.page_size };
        let mut client = self.client.clone();
        let mut asked = Instant::now();
        let mut pages = self.in_time(client.list_items(request)).await?.into_inner();
        while let Some(page) = self.in_time(pages.message()).await? {
            for item in page.items {
                entries.insert(item.id, &item.value, asked);
            }
            asked = Instant::now();
        }
        Ok(())
    }

    /// Loads one item.
    pub(super) async fn get(&self, id: u64) -> Result<String, Status> {
        let mut client = self.client.clone();
        let item = self.in_time(client.get_item(GetItemRequest { id })).await?;
        Ok(item.into_inner().value)
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        let late = |_| Err(Status::deadline_exceeded("no page in time"));
        timeout(self.page_timeout, call).await.unwrap_or_else(late)
    }
}
