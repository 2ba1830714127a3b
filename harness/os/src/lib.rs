//! What a simulation cannot see by itself, and a service therefore says: [`cpu::spend`], the processor
//! time that a piece of work costs (nothing in production, where the work costs it by being done), and
//! [`signal::terminate`], the request to stop gracefully, with [`signal::Hangups`], those to read the
//! configuration again.
//!
//! Sockets, files, threads, clocks and randomness need no seam: inside a run, `tokio::net`,
//! `tokio::fs` and all that is built on them is simulated as it is. Without the feature `sim` (a
//! production build) only the real half exists.

pub mod cpu;
pub mod signal;
#[cfg(feature = "sim")]
pub mod sim;
