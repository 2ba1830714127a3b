//! The catalog source: where the cache loads its items from, page by page.

mod config;
mod handlers;
mod service;

pub use config::Config;
pub use handlers::value;
pub use service::{Bound, bind, run};
