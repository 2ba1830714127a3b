//! The services on real loopback sockets, observed as production observes them: answers on the
//! wire and metrics.

mod answers;
mod cancellation;
mod defects;
mod health;
mod losses;
mod stop;
mod wire;
mod world;
