//! The result store: one result for each job, however often it is stored.

mod config;
mod core;
mod grpc;
mod metrics;
mod results;
mod service;

pub use config::Config;
pub use service::{Bound, bind, run};
