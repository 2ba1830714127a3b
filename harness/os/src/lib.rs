//! What a service asks of the operating system through a seam: files, real in production and on a
//! simulated disk inside a Squall run, processor time, and the signal to stop.
//!
//! Sockets, threads, clocks and randomness need none: inside a run, `tokio::net` and all that is
//! built on it is simulated as it is. For files, [`fs`] has the part of `tokio::fs` that a service needs to keep its
//! data, and inside a run each host has a disk of its own, which outlives its processes, loses
//! what was not synced when the power fails, and has the faults of the plan. Without the feature
//! `sim` (a production build) only the real half exists.
//!
//! Besides files the seam has the two things that a simulation cannot see by itself:
//! [`cpu::spend`], the processor time that a piece of work costs (nothing in production, where
//! the work costs it by being done), and [`signal::terminate`], the request to stop gracefully.

pub mod cpu;
pub mod fs;
pub mod signal;
#[cfg(feature = "sim")]
pub mod sim;
