//! The catalog as a gRPC service: each page and each single item as a dependency behaves.

use std::{
    num::NonZeroU64,
    pin::Pin,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::{Stream, stream};
use tonic::{Request, Response, Status};

use crate::{
    dependency::Behaviour,
    pb::catalog::{GetItemRequest, Item, ListItemsRequest, Page, catalog_server::Catalog},
};

/// Answers the calls.
#[derive(Clone, Debug)]
pub(super) struct Handlers {
    pub(super) items: u64,
    pub(super) page_size: u32,
    pub(super) changes_every_ms: Option<NonZeroU64>,
    pub(super) behaviour: Arc<Behaviour>,
}

#[tonic::async_trait]
impl Catalog for Handlers {
    type ListItemsStream = Pin<Box<dyn Stream<Item = Result<Page, Status>> + Send>>;

    async fn list_items(
        &self,
        request: Request<ListItemsRequest>,
    ) -> Result<Response<Self::ListItemsStream>, Status> {
        let asked = request.get_ref();
        let end = asked.first_id.saturating_add(asked.ids).min(self.items + 1);
        let first = asked.first_id.max(1);
        let page_size = match asked.page_size {
            0 => self.page_size,
            size => size.min(self.page_size),
        };
        let (behaviour, every) = (Arc::clone(&self.behaviour), self.changes_every_ms);
        let pages = stream::try_unfold((behaviour, first), move |(behaviour, first)| async move {
            if first >= end {
                return Ok(None);
            }
            behaviour.perform(first).await?;
            let next = end.min(first + u64::from(page_size));
            let revision = revision(every);
            let page = Page { items: (first..next).map(|id| item(id, revision)).collect() };
            Ok(Some((page, (behaviour, next))))
        });
        Ok(Response::new(Box::pin(pages)))
    }

    async fn get_item(&self, request: Request<GetItemRequest>) -> Result<Response<Item>, Status> {
        let id = request.get_ref().id;
        self.behaviour.perform(id).await?;
        // Caches load pages: whoever asks for one item had to answer without having it.
        tracing::info!(item = id, "item fetched by itself");
        Ok(Response::new(item(id, revision(self.changes_every_ms))))
    }
}

fn item(id: u64, revision: Option<u64>) -> Item {
    Item { id, value: value(id, revision) }
}

/// The value of an item: made up, and the same for the same item and revision every time. Without
/// a revision, that of a catalog whose items never change.
#[must_use]
pub fn value(id: u64, revision: Option<u64>) -> String {
    let batch = 1 + id.wrapping_mul(7919) % 997;
    match revision {
        None => format!("item {id}, batch {batch}"),
        Some(revision) => format!("item {id}, batch {batch}, revision {revision}"),
    }
}

/// How often everything has changed since 1970.
fn revision(every_ms: Option<NonZeroU64>) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    every_ms.map(|every| now_ms / every)
}
