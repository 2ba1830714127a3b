//! Those who take part in the sagas of orders: three services, one implementation. Each does something
//! for an order under a key, and undoes it, and keeps a book of both.

mod books;
mod config;
mod grpc;
mod http;
mod kind;
mod metrics;
mod service;

pub use config::Config;
pub use kind::{Kind, UnknownKind};
pub use service::{Bound, bind, run};

#[cfg(test)]
mod tests;
