//! The external API that jobs are for: slow, bounded, and not ours. A stub with its behaviour.

mod config;
mod http;
mod metrics;
mod service;

pub use config::Config;
pub use service::{Bound, bind, run};
