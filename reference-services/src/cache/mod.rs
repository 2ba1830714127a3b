//! The cache service: answers from memory what it loaded at start, in versions that are deployed
//! one after the other.

mod config;
mod defect;
mod entries;
mod export;
mod file;
mod flags;
mod flights;
mod http;
mod load;
mod metrics;
mod peer;
mod place;
mod service;
mod session;
mod snapshot;
mod source;
mod state;
mod trouble;
mod warm_up;

pub use config::{Config, FlagConfig, SessionConfig, TroubleConfig, WarmUpConfig};
pub use defect::Defect;
pub use service::{Bound, bind, run};
