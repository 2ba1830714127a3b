//! The server from outside: its API, and what its toxics do to connections on loopback.
//!
//! What is said of toxics holds of Toxiproxy as well: with `TOXIPROXY=http://127.0.0.1:8474` in the
//! environment the tests of `streams` run against the server there.

mod answers;
mod chance;
mod limits;
mod raw;
mod shutdown;
mod streams;
mod support;
mod typed;
