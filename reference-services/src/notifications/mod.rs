//! The notifications: customers are told what became of their orders, once for each event, however often
//! that is delivered.

mod config;
mod defect;
mod grpc;
mod http;
mod inbox;
mod metrics;
mod service;

pub use config::Config;
pub use defect::Defect;
pub use service::{Bound, bind, run};

#[cfg(test)]
mod tests;
