//! The circuit breaker: what keeps failing is not asked again for a while.

mod config;
mod gauge;
mod machine;
mod state;

pub use config::BreakerConfig;
pub(crate) use gauge::BreakerGauge;
pub(crate) use machine::{Breaker, Room};
pub(crate) use state::BreakerState;

#[cfg(test)]
mod tests;
