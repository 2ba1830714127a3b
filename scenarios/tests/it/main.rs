//! The binary as a user meets it, at a terminal and in a browser.

#[cfg(feature = "browser")]
mod browser;
mod cli;
mod compare;
mod formats;
mod otlp;
mod processes;
mod serve;
mod support;
#[cfg(feature = "browser")]
mod trace;
