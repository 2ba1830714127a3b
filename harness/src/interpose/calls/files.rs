//! The calls of libc on files and directories, which the disk of a host has.

pub(crate) mod attributes;
mod content;
pub(crate) mod directories;
mod disk;
mod entries;
pub(crate) mod listing;
mod machine;
mod mapping;
mod open;
mod open_file;
mod path;
mod status;
pub(crate) mod working;

pub(super) use content::{read_parts, write_parts};
pub(super) use disk::{ask, give_back, status};
pub(super) use open_file::is_file;
pub(super) use path::normal;
pub(super) use working::working;
