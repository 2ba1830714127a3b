//! What the protos compile to.

#![expect(clippy::allow_attributes, reason = "generated code")]

/// What is on stock.
pub mod inventory {
    tonic::include_proto!("inventory.v1");
}
/// What a product costs.
pub mod pricing {
    tonic::include_proto!("pricing.v1");
}
/// What customers think of a product.
pub mod reviews {
    tonic::include_proto!("reviews.v1");
}
/// What else a customer may want.
pub mod recommendations {
    tonic::include_proto!("recommendations.v1");
}
/// What there is to sell.
pub mod catalog {
    tonic::include_proto!("catalog.v1");
}
/// Jobs under leases.
pub mod queue {
    tonic::include_proto!("queue.v1");
}
/// One result for each job.
pub mod results {
    tonic::include_proto!("results.v1");
}
