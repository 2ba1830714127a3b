//! Backends: who performs a plan and makes its record.

pub(crate) mod simulation;
