//! The binary as a user meets it, at a terminal and in a browser.

mod browser;
mod cli;
mod serve;
mod support;
