//! What the servers share: listening and draining, bodies, problems, probes, traces, and why a
//! service cannot run.

mod body;
mod channel;
mod error;
pub(crate) mod grpc;
mod http;
mod probes;
mod problem;
mod request_body;
mod trace;

pub use error::Error;
pub use http::Limits;

pub(crate) use body::{Body, json, metrics, text};
pub(crate) use channel::{channel, endpoint};
pub(crate) use grpc::PUSHBACK;
pub(crate) use http::{Handler, Http, listen};
pub(crate) use probes::Probes;
pub(crate) use problem::Problem;
pub(crate) use request_body::read_json;
pub(crate) use trace::{TRACEPARENT, Trace};
