//! The calls of libc by which a process learns of itself, is told something, or would start another.

mod children;
pub(crate) mod identity;
pub(crate) mod signals;
