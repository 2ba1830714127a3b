//! The network as services see it, on Linux and in the simulation.
//!
//! Each case is a server and a client, written once over `tokio::net`, and what each of them
//! sees. Linux did what a case expects before it was written down. A case runs three times: on the
//! loopback interface of this machine, between two simulated hosts, and on one of them alone.

mod case;
mod on_linux;
mod simulated;

mod accept;
mod addresses;
mod close;
mod connect;
mod flow;
mod names;
mod options;
mod ports;
mod process;
mod reset;
mod shutdown;
mod stream;
mod udp;
mod udp_limits;
mod unix;
