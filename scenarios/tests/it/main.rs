//! The binary as a user meets it, at a terminal and in a browser.

mod browser;
mod cli;
mod compare;
mod formats;
mod otlp;
mod serve;
mod support;
mod trace;
