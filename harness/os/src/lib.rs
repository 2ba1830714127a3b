//! The seam to the operating system: Tokio's own types in production, simulated ones inside a
//! Squall run.
//!
//! A service that wants to be tested under faults changes one import:
//!
//! ```
//! use squall_os::net::{TcpListener, TcpStream}; // was: tokio::net
//!
//! # async fn serve() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
//! assert_eq!(client?.peer_addr()?, address);
//! accepted?;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(serve()).unwrap();
//! ```
//!
//! The types of [`net`] keep the names, signatures and semantics of `tokio::net`: `TcpSocket`,
//! streams with both kinds of halves, UDP, their options. What is missing is what hands a descriptor
//! over (`into_std`, `from_raw_fd`), and Unix sockets. Each socket decides when it is made whether it
//! is real or simulated: simulated if the code runs on a host of a Squall run, real otherwise.
//! Without the feature `sim` (a production build) only the real half exists.
//!
//! The same holds for files: [`fs`] has the part of `tokio::fs` that a service needs to keep its
//! data, and inside a run each host has a disk of its own, which outlives its processes, loses
//! what was not synced when the power fails, and has the faults of the plan.
//!
//! Besides sockets and files the seam has the two things that a simulation cannot see by itself:
//! [`cpu::spend`], the processor time that a piece of work costs (nothing in production, where
//! the work costs it by being done), and [`signal::terminate`], the request to stop gracefully.

pub mod cpu;
pub mod fs;
pub mod net;
pub mod signal;
#[cfg(feature = "sim")]
pub mod sim;

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tonic")]
pub mod tonic;
