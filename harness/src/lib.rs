//! Deterministic chaos and resilience testing for Tokio services.
