//! A write-ahead log: what is acknowledged was synced, and what was synced is found again.
//!
//! A `Kept` state changes by records only. Records are gathered into a batch, a batch is one
//! frame of the file, and nothing of it is answered for before the frame is synced. So there is
//! at most one frame that was written and not synced, and it is the last one. Hence the rule by
//! which a file is read: a frame that is not whole is a torn tail and is dropped, unless a whole
//! frame follows it, which only damage can bring about, and which is an error.

mod file;
mod frame;
mod keeper;
mod kept;

pub use file::OpenError;
pub(crate) use file::{Access, Unsynced};
pub use frame::{Damage, DamageKind, MAGIC, Scan, encode, scan};
pub(crate) use keeper::{Keeper, Undecided, keep};
pub(crate) use kept::{Kept, State};

#[cfg(test)]
mod tests;
