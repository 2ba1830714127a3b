//! The aggregation API: one document from four dependencies, whatever becomes of three of them.

mod addresses;
mod admission;
mod attempt;
mod call;
mod config;
mod defect;
mod endpoint;
mod endpoint_metrics;
mod endpoints;
mod failure;
mod gradient;
mod hedge;
mod hedged;
mod http;
mod metrics;
mod product;
mod section;
mod service;
mod standing;
mod steps;
mod tenants;
mod upstream;

pub use crate::{
    breaker::BreakerConfig,
    endpoints::{OutlierConfig, SlowStartConfig},
    server::Error,
};
pub use addresses::{Addresses, Upstreams};
pub use config::{AdaptiveConfig, Config, PriorityConfig, RetryConfig, TenantConfig};
pub use defect::Defect;
pub use hedge::HedgeConfig;
pub use service::{Bound, bind, run};
pub use standing::HealthConfig;
