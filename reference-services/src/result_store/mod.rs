//! The result store: one result for each job, however often it is stored.

mod config;
mod core;
mod defect;
mod grpc;
mod metrics;
mod results;
mod service;

pub use config::Config;
pub use defect::Defect;
pub use service::{Bound, bind, run};
