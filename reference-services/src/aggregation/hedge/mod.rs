//! When a call is made a second time, at another endpoint, because the first attempt takes long: after
//! what delay, and how often at the most.
//!
//! Most of a long tail is one endpoint that is busy for a moment, and another one answers meanwhile
//! (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013). A hedge that is sent after the 95th
//! percentile costs a twentieth more calls. When all endpoints are slow every call is late, hedges
//! would double the load just then, and so a budget bounds them, as do the breaker, the retry budget
//! and what the dependency says (gRFC A6).
//!
//! Who asks whom, and what is dropped when one has answered, is in `hedged`.

mod budget;
mod config;
mod hedging;
mod latencies;

pub use config::HedgeConfig;
pub(super) use hedging::Hedging;
