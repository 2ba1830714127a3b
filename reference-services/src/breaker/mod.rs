//! The circuit breaker: what keeps failing is not asked again for a while.

mod config;
mod gauge;
mod machine;
mod state;
mod window;

pub use config::BreakerConfig;
pub(crate) use gauge::BreakerGauge;
pub(crate) use machine::{Breaker, Room};
pub(crate) use state::BreakerState;
pub(crate) use window::Window;

#[cfg(test)]
mod tests;
