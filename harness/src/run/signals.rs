//! What a run tells the outside while it goes on, and hears from it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};

/// The way to watch a run and to interrupt it.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// The time of the run so far, in nanoseconds: virtual in a simulation.
    pub now: Arc<AtomicU64>,
    /// Set to end the run early; its record says so.
    pub interrupt: Arc<AtomicBool>,
}
