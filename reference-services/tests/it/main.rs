//! The services on real loopback sockets, observed as production observes them: answers on the
//! wire, metrics and spans.

mod answers;
mod cancellation;
mod catalog;
mod defects;
mod health;
mod losses;
mod spans;
mod stop;
mod wire;
mod world;
