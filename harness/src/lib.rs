//! Deterministic chaos and resilience testing for Tokio services.

pub mod judge;
pub mod objective;
