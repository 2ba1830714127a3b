//! The catalog as a gRPC service: each page and each single item as a dependency behaves.

use std::{pin::Pin, sync::Arc};

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
        let behaviour = Arc::clone(&self.behaviour);
        let pages = stream::try_unfold((behaviour, first), move |(behaviour, first)| async move {
            if first >= end {
                return Ok(None);
            }
            behaviour.perform(first).await?;
            let next = end.min(first + u64::from(page_size));
            let page = Page { items: (first..next).map(item).collect() };
            Ok(Some((page, (behaviour, next))))
        });
        Ok(Response::new(Box::pin(pages)))
    }

    async fn get_item(&self, request: Request<GetItemRequest>) -> Result<Response<Item>, Status> {
        let id = request.get_ref().id;
        self.behaviour.perform(id).await?;
        Ok(Response::new(item(id)))
    }
}

/// Made up, and the same for the same item every time.
fn item(id: u64) -> Item {
    Item { id, value: format!("item {id}, batch {}", 1 + id * 7919 % 997) }
}
