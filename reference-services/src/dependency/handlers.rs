//! The four gRPC services: the same behaviour, then the answer of each.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};
use tracing::{Instrument, field::Empty};

use super::{
    Kind,
    behaviour::Behaviour,
    content,
    stock::{self, Store},
};
use crate::{
    pb::{
        inventory::{
            GetStockRequest, SetStockReply, SetStockRequest, Stock, WatchRequest,
            inventory_server::Inventory,
        },
        pricing::{GetPriceRequest, Price, pricing_server::Pricing},
        recommendations::{
            GetRecommendationsRequest, RecommendationList, recommendations_server::Recommendations,
        },
        reviews::{GetReviewsRequest, ReviewSummary, reviews_server::Reviews},
    },
    server::Trace,
};

/// Answers the calls to one dependency.
#[derive(Clone, Debug)]
pub(super) struct Handlers {
    pub(super) kind: Kind,
    pub(super) products: u64,
    pub(super) behaviour: Arc<Behaviour>,
    pub(super) stock: Arc<Store>,
    /// Planted: the work for a call is in a task of its own.
    pub(super) works_for_nobody: bool,
}

impl Handlers {
    /// Performs one call inside its span, and answers with what `content` makes.
    async fn serve<T>(
        &self,
        metadata: &MetadataMap,
        product_id: u64,
        content: impl FnOnce(u64) -> T,
    ) -> Result<Response<T>, Status> {
        let span = tracing::info_span!(
            parent: None,
            "serve",
            dependency = self.kind.name(),
            trace_id = trace_id(metadata),
            outcome = Empty
        );
        if let Some(trace) = Trace::named(metadata) {
            trace.adopt(&span);
        }
        let served = Served { span: span.clone(), outcome: "cancelled" };
        let behaviour = Arc::clone(&self.behaviour);
        let work = async move {
            let performed = behaviour.perform(product_id).await;
            served.end(if performed.is_ok() { "ok" } else { "error" });
            performed
        };
        let work = work.instrument(span);
        let performed = if self.works_for_nobody {
            // Defect: nothing ends this task when its call does.
            tokio::spawn(work).await.map_err(|_| Status::internal("the work broke off"))?
        } else {
            work.await
        };
        performed.map(|()| Response::new(content(product_id)))
    }
}

/// The trace of the caller, or nothing.
fn trace_id(metadata: &MetadataMap) -> Option<&str> {
    metadata.get("traceparent")?.to_str().ok()?.get(3..35)
}

/// Records how a call ended; a caller that went away ends it unfinished.
struct Served {
    span: tracing::Span,
    outcome: &'static str,
}

impl Served {
    fn end(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
    }
}

macro_rules! handler {
    ($service:ident.$method:ident($request:ident) -> $reply:ident, $this:ident => $content:expr) => {
        #[tonic::async_trait]
        impl $service for Handlers {
            async fn $method(
                &self,
                request: Request<$request>,
            ) -> Result<Response<$reply>, Status> {
                let id = request.get_ref().product_id;
                let $this = self;
                self.serve(request.metadata(), id, $content).await
            }
        }
    };
}

#[tonic::async_trait]
impl Inventory for Handlers {
    async fn get_stock(
        &self,
        request: Request<GetStockRequest>,
    ) -> Result<Response<Stock>, Status> {
        let id = request.get_ref().product_id;
        self.serve(request.metadata(), id, |id| self.stock.stock(id)).await
    }

    async fn set_stock(
        &self,
        request: Request<SetStockRequest>,
    ) -> Result<Response<SetStockReply>, Status> {
        let SetStockRequest { product_id, available } = *request.get_ref();
        let set = |id| self.stock.set(id, available);
        let set = self.serve(request.metadata(), product_id, set).await?.into_inner();
        let full = |_| Status::resource_exhausted("too many products have another stock");
        set.map(Response::new).map_err(full)
    }

    type WatchStream = stock::Replies;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<stock::Replies>, Status> {
        stock::begin(&self.stock, request.into_inner()).map(Response::new)
    }
}

handler!(Pricing.get_price(GetPriceRequest) -> Price, _this => content::price);
handler!(Reviews.get_reviews(GetReviewsRequest) -> ReviewSummary, _this => content::reviews);
handler!(
    Recommendations.get_recommendations(GetRecommendationsRequest) -> RecommendationList,
    this => |id| content::recommendations(id, this.products)
);
