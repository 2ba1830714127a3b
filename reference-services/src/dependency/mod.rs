//! The dependencies: four gRPC services, one implementation, and a behaviour to configure.

mod behaviour;
mod config;
mod content;
mod defect;
mod handlers;
mod kind;
mod latency;
mod service;
mod stock;
mod warm_up;

pub use crate::server::Error;
pub(crate) use behaviour::Behaviour;
pub use config::{Config, FailCode};
pub use defect::Defect;
pub use kind::{Kind, UnknownKind};
pub use latency::Latency;
pub use service::{Bound, bind, run};
pub use stock::StockConfig;
pub use warm_up::WarmUp;
