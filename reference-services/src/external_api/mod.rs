//! The external API that jobs are for: slow, bounded, and not ours. A stub with its behaviour, which
//! is that of APIs that move money: a call with a known idempotency key has no effect again.

mod config;
mod http;
mod keys;
mod metrics;
mod service;
mod streams;

pub use config::Config;
pub use service::{Bound, bind, run};
