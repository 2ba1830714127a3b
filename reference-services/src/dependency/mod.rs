//! The dependencies: four gRPC services, one implementation, and a behaviour to configure.

mod behaviour;
mod config;
mod content;
mod error;
mod handlers;
mod kind;
mod latency;
mod service;

pub(crate) use behaviour::Behaviour;
pub use config::{Config, FailCode};
pub use error::Error;
pub use kind::{Kind, UnknownKind};
pub use latency::Latency;
pub use service::{Bound, bind, run};
