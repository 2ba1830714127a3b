//! The queue broker: jobs are accepted when they are durable, handed out under leases, tried
//! again when they fail, and kept as dead letters when they failed too often.

mod config;
mod core;
mod defect;
mod grpc;
mod handle;
mod http;
mod leased;
mod ledger;
mod metrics;
mod parked;
mod record;
mod redrive;
mod schedule;
mod service;

pub use config::{Config, RedriveConfig};
pub use defect::Defect;
pub use service::{Bound, bind, run};

#[cfg(test)]
mod tests;
