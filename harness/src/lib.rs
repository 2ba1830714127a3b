//! Deterministic chaos and resilience testing for Tokio services.

#[cfg(not(tokio_unstable))]
compile_error!(
    "squall seeds Tokio's own choices, which needs `--cfg tokio_unstable`: put it into the \
     rustflags of .cargo/config.toml, and mind that an environment variable RUSTFLAGS replaces \
     what stands there"
);

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "squall's virtual time stands in front of libc on 64-bit Linux; no other system is supported yet"
);

pub mod catalogue;
pub mod cli;
mod interpose;
pub mod judge;
mod load;
pub mod objective;
pub mod plan;
mod regression;
mod run;
mod scenario;
mod service;
mod sidecar;
mod sim;
pub mod testing;

pub use catalogue::{Catalogue, Defect};
pub use run::{Run, RunError, run, run_with};
pub use scenario::Scenario;
pub use service::{BoxError, ServiceFuture, Services};
pub use sim::Signals;
