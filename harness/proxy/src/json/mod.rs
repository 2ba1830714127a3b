//! JSON as Toxiproxy reads and writes it, which is that of Go's `encoding/json`.
//!
//! Clients show its messages to people, and the recorded answers of the real server hold ours
//! against them. It takes the first value of a body and ignores the rest, finds fields whatever
//! their case, takes the last of two, leaves what is `null` alone and goes on after a wrong type.

mod decode;
mod encode;
mod scan;

pub(crate) use self::{
    decode::{Fields, entries},
    encode::{float, text},
    scan::{Value, first_value},
};
