//! Files and directories, as in `tokio::fs`.
//!
//! For the part of it that a service needs to keep its data: a log that is appended to and
//! synced, files that are written beside their place and renamed into it. There are no links,
//! locks, permissions or `try_clone`. Each [`File`] decides when it is opened whether it is real
//! or simulated.
//!
//! As with `tokio::fs`, a write to a [`File`] is accepted before it is performed: its error comes
//! with the next write or `flush`, and not with `sync_all`, so `flush` before it. And as with
//! every file system, what is not synced is lost when the power fails, although it survives the
//! process that wrote it; a file that was created, renamed or removed is so for good only once
//! its directory was synced as well, with [`sync_dir`].

mod dir;
mod file;
mod metadata;

pub use dir::{
    DirEntry, ReadDir, create_dir, create_dir_all, read_dir, remove_dir_all, remove_file, rename,
    sync_dir,
};
pub use file::{File, OpenOptions, read, read_to_string, write};
pub use metadata::{Metadata, metadata, try_exists};
