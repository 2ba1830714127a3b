//! What runs at both ends of the link: the same hyper server and client on either side's network.

mod client;
mod job;
mod net;
mod server;

pub(crate) use client::perform;
pub(crate) use job::{Job, Report, Request};
pub(crate) use net::{Kernel, Net, Simulated};
pub(crate) use server::serve;
