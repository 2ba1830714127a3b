//! The document of one product, made of four sections asked for at once.

use serde::Serialize;

use super::{
    attempt::Context,
    call::ask,
    defect::{Defect, Defects},
    failure::CallError,
    section::{Inventory, Pricing, Recommendations, Reviews},
    upstream::UpstreamSet,
};
use crate::{
    dependency::Kind,
    pb::{
        inventory::Stock, pricing::Price, recommendations::RecommendationList,
        reviews::ReviewSummary,
    },
};

/// What `GET /products/{id}` answers with.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    id: u64,
    inventory: Stock,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviews: Option<ReviewSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommendations: Option<RecommendationList>,
    /// The sections left out because their dependency gave no answer.
    pub(super) degraded: Vec<&'static str>,
}

/// Asks all four dependencies. The loss of the inventory is an error, and known at once: the
/// other calls are dropped. The loss of any other is a section left out.
pub(super) async fn document(
    upstreams: &UpstreamSet,
    context: &Context,
    id: u64,
) -> Result<Document, CallError> {
    let defects = upstreams.inventory.defects;
    // Defect: some indices begin at 0 and some at 1.
    let of_reviews = id + u64::from(defects.has(Defect::NeighboursReviews));
    let inventory = ask::<Inventory>(&upstreams.inventory, context, id);
    let pricing = ask::<Pricing>(&upstreams.pricing, context, id);
    let reviews = ask::<Reviews>(&upstreams.reviews, context, of_reviews);
    let recommendations = ask::<Recommendations>(&upstreams.recommendations, context, id);
    let (inventory, pricing, reviews, recommendations) = if defects.has(Defect::SequentialCalls) {
        // Defect: each waits for the one before.
        (inventory.await?, pricing.await, reviews.await, recommendations.await)
    } else {
        tokio::try_join!(
            inventory,
            async { Ok(pricing.await) },
            async { Ok(reviews.await) },
            async { Ok(recommendations.await) },
        )?
    };
    let mut degraded = Vec::new();
    let mut document = Document {
        id,
        inventory,
        pricing: or_degraded(pricing, Kind::Pricing, &mut degraded),
        reviews: or_degraded(reviews, Kind::Reviews, &mut degraded),
        recommendations: or_degraded(recommendations, Kind::Recommendations, &mut degraded),
        degraded,
    };
    document.spoil(defects);
    Ok(document)
}

impl Document {
    /// The defects that change what a document says.
    fn spoil(&mut self, defects: Defects) {
        if let Some(reviews) = self.reviews.as_mut().filter(|_| defects.has(Defect::TruncatedList))
        {
            // Defect: a page of two, and nobody asks for the next.
            reviews.latest.truncate(2);
        }
        if let Some(price) = self.pricing.as_mut().filter(|_| defects.has(Defect::RoundedPrice)) {
            // Defect: whole units, on the way through an integer.
            price.amount_minor = price.amount_minor / 100 * 100;
        }
        if defects.has(Defect::SilentDegradation) {
            // Defect: what is not there is not mentioned.
            self.degraded.clear();
        }
    }
}

fn or_degraded<T>(
    section: Result<T, CallError>,
    kind: Kind,
    degraded: &mut Vec<&'static str>,
) -> Option<T> {
    if section.is_err() {
        degraded.push(kind.name());
    }
    section.ok()
}
