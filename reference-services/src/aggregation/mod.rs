//! The aggregation API: one document from four dependencies, whatever becomes of three of them.

mod admission;
mod call;
mod config;
mod defect;
mod gradient;
mod http;
mod metrics;
mod product;
mod section;
mod service;
mod steps;
mod tenants;
mod upstream;

pub use crate::{breaker::BreakerConfig, server::Error};
pub use config::{AdaptiveConfig, Config, PriorityConfig, RetryConfig, TenantConfig, Upstreams};
pub use defect::Defect;
pub use service::{Bound, bind, run};
