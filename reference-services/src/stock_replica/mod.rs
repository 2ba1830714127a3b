//! A read replica of stock: it follows the changes of the inventory, answers from its copy, and says how
//! old that may be.

mod config;
mod copy;
mod defect;
mod follow;
mod grpc;
mod http;
mod metrics;
mod service;
mod shared;

pub use crate::backoff::BackoffConfig;
pub use config::Config;
#[cfg(test)]
pub(crate) use copy::{Applied, StockCopy};
pub use defect::Defect;
pub use service::{Bound, bind, run};
