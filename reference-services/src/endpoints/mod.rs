//! What a balancer needs to know of endpoints, whatever it sends to them: which one comes next, which
//! are left out for a while, and how one that is back gets its share again.
//!
//! The load balancer uses it for requests of HTTP, the aggregation API for calls of gRPC. Connections,
//! health and the lists of endpoints are theirs.

mod outlier;
mod pick;
mod slow_start;

pub use outlier::OutlierConfig;
pub(crate) use outlier::{Outlier, may_eject};
pub(crate) use pick::{better_of_two, draw_by_weight};
pub use slow_start::SlowStartConfig;
