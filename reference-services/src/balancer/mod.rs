//! The load balancer: requests go to the endpoints that an orchestrator names, by weight, and
//! what goes wrong with one of them is made good on another.

mod admin;
mod admission;
mod answer;
mod body;
mod config;
mod defect;
mod endpoint;
mod forward;
mod groups;
mod headers;
mod metrics;
mod pick;
mod service;
mod spec;

pub use crate::endpoints::OutlierConfig;
pub use config::{Config, RetryConfig};
pub use defect::Defect;
pub use service::{Bound, bind, run};
pub use spec::{EndpointsSpec, GroupSpec};
