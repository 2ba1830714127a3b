//! TLS between services, by `rustls`: what a listener shows and asks for, whom a client believes, and
//! files that are replaced while a service runs.
//!
//! Off by default. With it, each side of a connection checks the other's certificate each time that
//! one is made: no session is resumed, since what is resumed is not checked again, and connections
//! here are few and long. Versions, ciphers and groups are the defaults of `rustls` (TLS 1.2 and 1.3),
//! the arithmetic is `ring`'s. Nothing falls back: an address that begins with `https` is spoken to
//! over TLS or not at all.
//!
//! A service does not start with a certificate that cannot be used, one that has run out included:
//! whoever rolls it out is told by the first pod, while the others go on. Once it runs, what cannot be
//! used is not taken over, and it is said in the log and in `tls_reload_failures_total`.

mod acceptor;
mod config;
mod connector;
mod error;
mod files;
mod metrics;
mod protocol;
mod reload;
mod stream;
mod unverified;
mod validity;

pub use config::{ClientTls, ServerTls};
pub use error::TlsError;

pub(crate) use acceptor::Acceptor;
pub(crate) use connector::{Connector, Trust};
pub(crate) use metrics::{Metrics, register};
pub(crate) use protocol::Protocol;
pub(crate) use stream::Stream;
