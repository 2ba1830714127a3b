//! The record of a run: its schema, its digest, and everything drawn from a record.
//!
//! A [`Record`] is the append-only event stream of one run. Objectives, invariants, goldens,
//! digests and reports read the record and nothing else, so a record that was kept on disk is
//! worth as much as the run that made it.

pub mod record;
pub mod stats;
pub mod tally;
pub mod verdict;
pub mod words;

pub use record::{Record, SCHEMA};
