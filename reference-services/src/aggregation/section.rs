//! The four sections of a document and the gRPC call that gives each.

use tonic::{Request, Status, transport::Channel};

use crate::pb::{
    inventory::{GetStockRequest, Stock, inventory_client::InventoryClient},
    pricing::{GetPriceRequest, Price, pricing_client::PricingClient},
    recommendations::{
        GetRecommendationsRequest, RecommendationList,
        recommendations_client::RecommendationsClient,
    },
    reviews::{GetReviewsRequest, ReviewSummary, reviews_client::ReviewsClient},
};

/// No section is near this; a corrupt length must not make us wait for megabytes.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// A section: what is asked, and what is answered.
pub(super) trait Section {
    type Request: Send + 'static;
    type Reply: Send + 'static;

    fn request(id: u64) -> Self::Request;

    fn call(
        channel: Channel,
        request: Request<Self::Request>,
    ) -> impl Future<Output = Result<Self::Reply, Status>> + Send;
}

macro_rules! section {
    ($name:ident: $client:ident.$method:ident($request:ident) -> $reply:ident) => {
        pub(super) enum $name {}

        impl Section for $name {
            type Request = $request;
            type Reply = $reply;

            fn request(product_id: u64) -> $request {
                $request { product_id }
            }

            async fn call(channel: Channel, request: Request<$request>) -> Result<$reply, Status> {
                let client = $client::new(channel);
                let mut client = client.max_decoding_message_size(REPLY_BYTES_MAX);
                Ok(client.$method(request).await?.into_inner())
            }
        }
    };
}

section!(Inventory: InventoryClient.get_stock(GetStockRequest) -> Stock);
section!(Pricing: PricingClient.get_price(GetPriceRequest) -> Price);
section!(Reviews: ReviewsClient.get_reviews(GetReviewsRequest) -> ReviewSummary);
section!(
    Recommendations: RecommendationsClient.get_recommendations(GetRecommendationsRequest)
        -> RecommendationList
);
