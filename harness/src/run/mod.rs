//! Runs, and what of them no backend owns.
//!
//! [`perform`] takes a scenario and a seed to a record and its verdict. What surrounds the parts of a
//! run that are the same everywhere is an [`environment`]; [`timeline`] says when what is due, and
//! [`header`] what a record says at its beginning.

pub(crate) mod command;
pub(crate) mod environment;
pub(crate) mod header;
pub(crate) mod perform;
pub(crate) mod recorder;
pub(crate) mod rng;
pub(crate) mod signals;
pub(crate) mod timeline;
pub(crate) mod trace;

pub use perform::{Run, RunError, run, run_with};
pub use signals::Signals;
