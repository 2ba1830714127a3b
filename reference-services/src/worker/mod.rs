//! A worker host: takes jobs from a queue, calls the external API, stores results, acknowledges.

mod api;
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

pub use crate::{backoff::BackoffConfig, breaker::BreakerConfig};
pub use config::Config;
pub use defect::Defect;
pub use service::{Bound, bind, run};
