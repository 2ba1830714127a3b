//! The orders: each reserves stock, charges a card and ships a parcel, or comes to nothing; and its
//! customer is told which.
//!
//! Read it in this order: `saga` is what happens as a table, `ledger` what is written down, `work` how an
//! order is driven through the table, `relay` how events leave.

mod config;
mod consumer;
mod defect;
mod desk;
mod http;
mod ledger;
mod metrics;
mod party;
mod record;
mod relay;
mod saga;
mod service;
mod work;

pub use config::Config;
pub use defect::Defect;
pub use service::{Bound, bind, run};

#[cfg(test)]
mod tests;
