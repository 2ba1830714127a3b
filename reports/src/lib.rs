//! The record of a run: its schema, its digest, and everything drawn from a record.
//!
//! A [`Record`] is the append-only event stream of one run. Objectives, invariants, goldens,
//! digests and reports read the record and nothing else, so a record that was kept on disk is
//! worth as much as the run that made it.

mod choice;
pub mod compare;
pub mod fidelity;
pub mod file;
pub mod html;
pub mod in_progress;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod name;
pub mod otlp;
pub mod plain;
pub mod prometheus;
pub mod record;
pub mod regular;
mod report;
mod seed;
pub mod stats;
pub mod summary;
pub mod tally;
pub mod terminal;
pub mod trace_events;
pub mod tree;
pub mod verdict;
mod view;
pub mod words;

#[cfg(test)]
mod fixture;

pub use record::{Record, SCHEMA};
pub use report::Report;
