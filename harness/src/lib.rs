//! Deterministic chaos and resilience testing for Tokio services.
//!
//! A service that is tested only while everything works has never run the code that is there for
//! when it does not. Squall runs real services (hyper, axum, tonic, their bytes and their timers)
//! on simulated hosts in virtual time, breaks the world around them on schedule, and holds the
//! outcome to service level objectives. The same seed gives the same run, byte for byte.
//!
//! # The smallest test
//!
//! ```
//! use std::time::Duration;
//!
//! use squall::{
//!     Scenario, Services,
//!     objective::{availability, p99},
//!     plan::{Load, Plan, Topology, latency},
//! };
//! use squall_reports::verdict::Verdict;
//! use tokio::{
//!     io::{AsyncReadExt, AsyncWriteExt},
//!     net::TcpListener,
//! };
//!
//! async fn hello(_config: serde_json::Value) -> std::io::Result<()> {
//!     let listener = TcpListener::bind("0.0.0.0:80").await?;
//!     loop {
//!         let (mut stream, _peer) = listener.accept().await?;
//!         tokio::spawn(async move {
//!             let mut request = [0; 1024];
//!             while stream.read(&mut request).await? > 0 {
//!                 stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await?;
//!             }
//!             std::io::Result::Ok(())
//!         });
//!     }
//! }
//!
//! let ms = Duration::from_millis;
//! let topology = Topology::new().host("web", "hello", serde_json::json!({})).client("users");
//! let load = Load::constant("users", "web:80", 100.0).lasts(ms(3_000)).get("/");
//! let plan = Plan::new(topology)
//!     .load(load)
//!     .fault(latency("web", ms(50)).from(ms(1_000)).until(ms(2_000)))
//!     .objective(availability().at_least(0.999))
//!     .objective(p99().at_most(ms(120)));
//! let claim = "A slow network delays the answers and loses none";
//! let scenario = Scenario::new("slow-web", claim, plan, Services::new().with("hello", hello));
//!
//! let run = squall::run(&scenario, 7)?;
//! assert_eq!(run.verdict(), Verdict::Pass);
//! let again = squall::run(&scenario, 7)?;
//! assert_eq!(run.record.digest(), again.record.digest());
//! # Ok::<(), squall::RunError>(())
//! ```
//!
//! # Many scenarios
//!
//! A [`Catalogue`] of scenarios is a test target with [`testing::main`], in which each scenario is
//! one named test, and a command line with [`cli::main`], which runs, replays and scaffolds them.
//!
//! # A red run
//!
//! A red run shows each finding that is not a pass, with what was observed, the bound, how many
//! samples it rests on, and the worst request with the spans of all services that worked for it.
//! It ends with the command that runs it again:
//!
//! ```text
//!   FAIL: p50 latency
//!     because   p50 latency was 1 s in during, 940 ms over the bound of 60 ms (2,000 samples)
//!   ...
//!   replay: cargo squall run reviews-hung --seed 1 --defect no-call-timeout
//! ```
//!
//! # Where to read on
//!
//! [`plan`] says what a run does, [`objective`] what it is held to, [`judge`](mod@judge) how it is
//! judged. `docs/ARCHITECTURE.md` is the map of the code.

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

mod backend;
mod call;
pub mod catalogue;
pub mod cli;
mod cluster;
mod exposition;
mod interpose;
pub mod judge;
mod load;
pub mod objective;
pub mod plan;
mod regression;
mod run;
mod scenario;
mod scrape;
mod service;
mod sidecar;
mod sim;
mod stored;
pub mod testing;
mod whole_file;

pub use call::{Call, Reply};
pub use catalogue::{Catalogue, Defect, Sources, package_folder};
pub use interpose::CountingAllocator;
pub use run::{Run, RunError, Signals, run, run_with};
pub use scenario::Scenario;
pub use service::{BoxError, ServiceFuture, Services};
pub use squall_reports::{
    record::Record,
    verdict::{Finding, Verdict},
};

/// The code in the documents compiles and does what they say.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../docs/BRING_YOUR_OWN_SERVICE.md")]
    struct BringYourOwnService;

    #[doc = include_str!("../../docs/REAL_PROCESSES.md")]
    struct RealProcesses;

    #[doc = include_str!("../../docs/WRITING_SCENARIOS.md")]
    struct WritingScenarios;
}
