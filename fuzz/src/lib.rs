//! What Squall and its services read from others, under any bytes.
//!
//! Each target is a function of the bytes of one input, which panics if what its file promises is not
//! so. The programs in `fuzz_targets` hand these functions to libFuzzer; the tests of this crate hand
//! them what is kept in `corpus`, on any toolchain. `docs/FUZZING.md` says how to run them and what
//! was found.

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

mod answers;
mod edits;
mod grpc;
mod http;
mod input;
mod journal;
mod plans;
mod records;
mod scratch;
mod toxiproxy;
mod world;

pub use self::{
    grpc::grpc, http::http, journal::journal, plans::plans, records::records, toxiproxy::toxiproxy,
};

/// A runtime of one thread: what happens for one input happens in one order.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    // What Rust's own `main` does and libFuzzer's does not: to write where nobody reads is an error,
    // and not the end of the process. Once heard, the signal is so for good.
    let heard = runtime.block_on(async { signal(SignalKind::pipe()) });
    drop(heard.expect("a signal that can be heard"));
    runtime
}
