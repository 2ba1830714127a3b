//! Stock that changes: its last changes as a history with revisions, and those who watch it.
//!
//! A watcher has a place in the history and no queue of its own. What it is told next is read from the
//! history when there is room for it on the wire, so that one who does not read costs nothing but its
//! place; one who has come too late for the history gets a snapshot. What has been told and not
//! acknowledged is bounded too.

mod changes;
mod config;
mod history;
mod store;
mod watcher;

#[cfg(test)]
mod tests;

pub(super) use changes::keep_changing;
pub use config::StockConfig;
pub(super) use store::Store;
pub(super) use watcher::{Replies, begin};
