//! What the servers share: listening and draining, bodies, problems, probes, traces, and why a
//! service cannot run.

mod answers;
mod body;
mod both;
mod channel;
mod connection;
mod deadline;
pub(crate) mod descriptors;
mod error;
pub(crate) mod grpc;
pub(crate) mod host;
mod http;
mod probes;
mod problem;
mod reflection;
mod request_body;
mod trace;

pub use error::Error;
pub use grpc::Limits as GrpcLimits;
pub use http::Limits;

pub(crate) use answers::{Answers, keeping};
pub(crate) use body::{Body, json, metrics, text};
pub(crate) use both::Both;
pub(crate) use channel::{channel, connect, endpoint};
pub(crate) use deadline::time_left;
pub(crate) use grpc::{Grpc, PUSHBACK};
pub(crate) use http::{Handler, Http};
pub(crate) use probes::Probes;
pub(crate) use problem::Problem;
pub(crate) use request_body::read_json;
pub(crate) use trace::{TRACEPARENT, Trace};
