//! What the protos compile to. It is kept, so that nobody has to compile their compiler first;
//! `tests/protos` compares.

#![expect(clippy::allow_attributes, reason = "generated code")]

/// The descriptors of all of them, a `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!("../protos/generated/descriptors.bin");

/// What is on stock.
pub mod inventory {
    include!("../protos/generated/inventory.v1.rs");
}
/// What a product costs.
pub mod pricing {
    include!("../protos/generated/pricing.v1.rs");
}
/// What customers think of a product.
pub mod reviews {
    include!("../protos/generated/reviews.v1.rs");
}
/// What else a customer may want.
pub mod recommendations {
    include!("../protos/generated/recommendations.v1.rs");
}
/// What there is to sell.
pub mod catalog {
    include!("../protos/generated/catalog.v1.rs");
}
/// Jobs under leases.
pub mod queue {
    include!("../protos/generated/queue.v1.rs");
}
/// One result for each job.
pub mod results {
    include!("../protos/generated/results.v1.rs");
}
/// Those who take part in sagas.
pub mod participant {
    include!("../protos/generated/participant.v1.rs");
}
/// What customers are told.
pub mod notifications {
    include!("../protos/generated/notifications.v1.rs");
}
