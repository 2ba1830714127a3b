//! A worker host: takes jobs from a queue, calls the external API, stores results, acknowledges.

mod api;
mod backoff;
mod broker;
mod config;
mod defect;
mod held;
mod job;
mod metrics;
mod pool;
mod queue;
mod service;
mod store;

pub use crate::breaker::BreakerConfig;
pub use config::{BackoffConfig, Config};
pub use defect::Defect;
pub use service::{Bound, bind, run};
